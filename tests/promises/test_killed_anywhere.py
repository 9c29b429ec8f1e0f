"""Whatever is killed, wherever it is: run again, it ends where one quiet run would have ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.settings import Settings
from ingestion import pipelines
from ingestion.sources.tables import RAW_TABLES
from tests.conftest import empty_input_tables
from tests.ingestion.sources.jira_server import EMAIL, TOKEN, JiraServer
from tests.ingestion.sources.repositories import Repository
from tests.ingestion.sources.test_jira import issue
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


@pytest.fixture
def jira_site() -> Iterator[JiraServer]:
    with JiraServer(issue(number) for number in range(1, 401)) as server:
        yield server


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


def test_a_pull_from_jira(raw_tables: Settings, engine: Engine, jira_site: JiraServer) -> None:
    ends_as_one_quiet_run(engine, "raw_jira", 1, workers.pull_jira, raw_tables, jira_site.url, EMAIL, TOKEN)


def test_the_reading_of_a_clone(raw_tables: Settings, engine: Engine, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "clone.git")
    last = repository.commit("the beginning")
    for number in range(1, 40):
        last = repository.commit(f"change {number} (#{number})", last, files={b"file": str(number).encode()})

    ends_as_one_quiet_run(engine, "raw_git", 2, workers.pull_git, raw_tables, repository.folder)
