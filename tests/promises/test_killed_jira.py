"""Whatever is killed, wherever it is: run again, it ends where one quiet run would have ended (jira)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from core.settings import Settings
from ingestion.sources.jira.pull import pull_jira
from tests.ingestion.sources import jira_server
from tests.ingestion.sources.jira_server import JiraServer
from tests.ingestion.sources.jira_shapes import issue
from tests.promises.quiet_run import ends_as_one_quiet_run, reading


def test_a_pull_from_jira(raw_tables: Settings, engine: Engine, tmp_path: Path, kills: int) -> None:
    with JiraServer(issue(number) for number in range(1, 251)) as site:
        settings = reading(
            raw_tables, tmp_path, "jira_api_token", jira_server.TOKEN, jira_url=site.url, jira_email=jira_server.EMAIL
        )
        ends_as_one_quiet_run(engine, "raw_jira", kills, 1, pull_jira, settings)
