"""Whatever is killed, wherever it is: run again, it ends where one quiet run would have ended (gitlab)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from core.settings import Settings
from ingestion.sources.gitlab.pull import pull_gitlab
from tests.ingestion.sources import vendor_server
from tests.ingestion.sources.gitlab.conftest import pay as gitlab_project
from tests.ingestion.sources.gitlab.server import GitLabServer
from tests.promises.quiet_run import ends_as_one_quiet_run, reading


def test_a_pull_from_gitlab(raw_tables: Settings, engine: Engine, tmp_path: Path, kills: int) -> None:
    with GitLabServer(gitlab_project(), page_size=3) as site:
        settings = reading(
            raw_tables, tmp_path, "gitlab_token", vendor_server.TOKEN, gitlab_url=site.url, gitlab_groups=("acme",)
        )
        ends_as_one_quiet_run(engine, "raw_gitlab", kills, 4, pull_gitlab, settings)
