"""Whatever is killed, wherever it is: run again, it ends where one quiet run would have ended (github and git)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from core.settings import Settings
from ingestion.sources.github.pull import pull_github
from tests.ingestion.sources.github.conftest import ACME, payments
from tests.ingestion.sources.github.server import PERSONAL_TOKEN, GithubServer, Installation
from tests.ingestion.sources.repositories import Repository
from tests.promises import workers
from tests.promises.quiet_run import ends_as_one_quiet_run, reading


def test_the_reading_of_a_clone(raw_tables: Settings, engine: Engine, tmp_path: Path, kills: int) -> None:
    repository = Repository(tmp_path / "clone.git")
    last = repository.commit("the beginning")
    for number in range(1, 40):
        last = repository.commit(f"change {number} (#{number})", last, files={b"file": str(number).encode()})

    ends_as_one_quiet_run(engine, "raw_git", kills, 2, workers.pull_clone, raw_tables, repository.folder)


def test_a_backfill_from_github(raw_tables: Settings, engine: Engine, tmp_path: Path, kills: int) -> None:
    with GithubServer([payments()], [Installation(1, ACME)]) as site:
        settings = reading(
            raw_tables, tmp_path, "github_token", PERSONAL_TOKEN,
            github_api_url=site.url, github_organisations=("acme",),
        )  # fmt: skip
        ends_as_one_quiet_run(engine, "raw_github", kills, 3, pull_github, settings)
