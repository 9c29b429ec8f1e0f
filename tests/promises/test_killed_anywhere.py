"""Whatever is killed, wherever it is: run again, it ends where one quiet run would have ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.settings import Settings
from ingestion import pipelines
from ingestion.sources.bitbucket.pull import pull_bitbucket
from ingestion.sources.github.pull import pull_github
from ingestion.sources.gitlab.pull import pull_gitlab
from ingestion.sources.jira.pull import pull_jira
from ingestion.sources.tables import RAW_TABLES
from tests.conftest import empty_input_tables
from tests.ingestion.sources import jira_server, vendor_server
from tests.ingestion.sources.bitbucket import things as bitbucket
from tests.ingestion.sources.bitbucket.server import BitbucketServer, Repo
from tests.ingestion.sources.github.conftest import ACME, payments
from tests.ingestion.sources.github.server import PERSONAL_TOKEN, GithubServer, Installation
from tests.ingestion.sources.gitlab.conftest import pay as gitlab_project
from tests.ingestion.sources.gitlab.server import GitLabServer
from tests.ingestion.sources.jira_server import JiraServer
from tests.ingestion.sources.jira_shapes import issue
from tests.ingestion.sources.repositories import Repository
from tests.promises import workers
from tests.promises.killing import kill_at_random, run_to_the_end

TIMES = 50
# What tells when a row was fetched, and not what was fetched.
OF_THE_RUN = "'_dlt_id', '_dlt_load_id', 'fetched_at', 'observed_at'"


def state(engine: Engine, dataset: str) -> dict[str, list[Any]]:
    """Every row of a source's raw tables, without what tells when it was fetched."""
    with engine.connect() as connection:
        return {
            raw.name: sorted(
                json.dumps(row, sort_keys=True)
                for row in connection.execute(
                    text(f"select to_jsonb(whole) - array[{OF_THE_RUN}] from {raw.dataset}.{raw.name} as whole")
                ).scalars()
            )
            for raw in RAW_TABLES
            if raw.dataset == dataset
        }


@pytest.fixture
def raw_tables(clean_database: Engine, database: Settings) -> Settings:
    pipelines.prepare_raw_tables(database)
    return database


def reading(settings: Settings, folder: Path, secret: str, value: str, **changed: object) -> Settings:
    """Settings that read a vendor on loopback with a secret of its own."""
    for name, content in {"pseudonym_key": "the pseudonym key of the tests", secret: value}.items():
        (folder / name).write_text(content)
    return settings.model_copy(update={"secrets_folder": folder, **changed})


def ends_as_one_quiet_run(engine: Engine, dataset: str, seed: int, work: Callable[..., None], *arguments: Any) -> None:
    """Run once in peace, then again from nothing with fifty kills: every run that comes to its end ends the same."""
    seconds = run_to_the_end(work, *arguments)
    quiet = state(engine, dataset)
    assert any(quiet.values())

    def start_again() -> None:
        assert state(engine, dataset) == quiet
        with engine.begin() as connection:
            empty_input_tables(connection)

    start_again()
    kill_at_random(work, *arguments, times=TIMES, within_seconds=seconds, seed=seed, at_the_end=start_again)
    run_to_the_end(work, *arguments)
    assert state(engine, dataset) == quiet
    assert "running" not in recorded(engine)


def recorded(engine: Engine) -> set[str]:
    """How the fetches on record have ended."""
    with engine.connect() as connection:
        return set(connection.execute(text("select status from ops.fetch_operations")).scalars())


def test_a_pull_from_jira(raw_tables: Settings, engine: Engine, tmp_path: Path) -> None:
    with JiraServer(issue(number) for number in range(1, 251)) as site:
        settings = reading(
            raw_tables, tmp_path, "jira_api_token", jira_server.TOKEN, jira_url=site.url, jira_email=jira_server.EMAIL
        )
        ends_as_one_quiet_run(engine, "raw_jira", 1, pull_jira, settings)


def test_the_reading_of_a_clone(raw_tables: Settings, engine: Engine, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "clone.git")
    last = repository.commit("the beginning")
    for number in range(1, 40):
        last = repository.commit(f"change {number} (#{number})", last, files={b"file": str(number).encode()})

    ends_as_one_quiet_run(engine, "raw_git", 2, workers.pull_clone, raw_tables, repository.folder)


def test_a_backfill_from_github(raw_tables: Settings, engine: Engine, tmp_path: Path) -> None:
    with GithubServer([payments()], [Installation(1, ACME)]) as site:
        settings = reading(
            raw_tables, tmp_path, "github_token", PERSONAL_TOKEN,
            github_api_url=site.url, github_organisations=("acme",),
        )  # fmt: skip
        ends_as_one_quiet_run(engine, "raw_github", 3, pull_github, settings)


def test_a_pull_from_gitlab(raw_tables: Settings, engine: Engine, tmp_path: Path) -> None:
    with GitLabServer(gitlab_project(), page_size=3) as site:
        settings = reading(
            raw_tables, tmp_path, "gitlab_token", vendor_server.TOKEN, gitlab_url=site.url, gitlab_groups=("acme",)
        )
        ends_as_one_quiet_run(engine, "raw_gitlab", 4, pull_gitlab, settings)


def test_a_pull_from_bitbucket(raw_tables: Settings, engine: Engine, tmp_path: Path) -> None:
    with BitbucketServer(bitbucket_repository(), page_size=3) as site:
        settings = reading(
            raw_tables, tmp_path, "bitbucket_token", vendor_server.TOKEN,
            bitbucket_api_url=site.address, bitbucket_workspaces=("acme",),
        )  # fmt: skip
        ends_as_one_quiet_run(engine, "raw_bitbucket", 5, pull_bitbucket, settings)


def bitbucket_repository() -> Repo:
    """A repository with seven pull requests and two pipelines, of which one deployed."""
    first = bitbucket.pipeline(31, 60)
    return Repo(
        "acme/pay",
        "{repo-1}",
        pull_requests=[bitbucket.pull_request(number) for number in range(1, 8)],
        pipelines=[first, bitbucket.pipeline(32, 70, None)],
        deployments=[bitbucket.deployment(41, first, 61)],
        environments=[bitbucket.PRODUCTION],
    )
