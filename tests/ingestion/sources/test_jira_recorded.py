"""What a real Jira gave, through the source: every history, every sprint, and none of the people.

33 issues with their changelogs, three more changelogs of up to 100 entries, 30 sprints and 53 statuses.
Source: the tests of Apache DevLake, Apache-2.0.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from core import clock
from ingestion.sources.jira.pull import pull_jira, pull_registry, pull_sprints, sync_sprints
from tests.ingestion.sources.conftest import JiraSettings, Query
from tests.ingestion.sources.jira_server import JiraServer
from tests.real_data import shared_data

BOARD = {"id": 8, "name": "EE board", "type": "scrum", "location": {"projectKey": "EE"}}
NOW = datetime.fromisoformat("2022-06-24T00:00:00+00:00")


def recorded(name: str) -> list[dict[str, Any]]:
    """The rows of one recording: what Jira answered, and what was asked."""
    csv.field_size_limit(10**8)
    with shared_data(f"jira_rest/_raw_jira_api_{name}.csv").open(encoding="utf-8", newline="") as file:
        return [{"data": json.loads(row["data"]), "input": json.loads(row["input"])} for row in csv.DictReader(file)]


def recorded_issues() -> list[dict[str, Any]]:
    """The issues as they were recorded, and three whose changelogs alone were."""
    issues = [row["data"] for row in recorded("issues")]
    histories: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in recorded("issue_changelogs"):
        histories[row["input"]["issue_id"]].append(row["data"])
    for issue_id, some in histories.items():
        shell = {"id": str(issue_id), "key": f"BIG-{issue_id}", "changelog": {"histories": some}}
        issues.append(shell | {"fields": {"updated": "2021-03-28T08:08:12.741+0000", "summary": "long"}})
    return issues


@pytest.fixture(params=["cloud", "data_center"])
def site(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(recorded_issues(), deployment=request.param, time_zone="Asia/Shanghai") as server:
        # As on Cloud: the newest forty, however long the changelog.
        server.histories_in_a_search = 40 if request.param == "cloud" else 1_000
        server.tells_length_of_changelogs = False
        world = server.world
        sprints = [row["data"] for row in recorded("sprints")]
        world.boards, world.sprints_of = {8: BOARD}, {8: [sprint["id"] for sprint in sprints]}
        world.sprints = {sprint["id"]: sprint for sprint in sprints}
        world.projects = [row["data"] for row in recorded("projects")]
        statuses = [row["data"] for row in recorded("status")]
        world.statuses = {project["key"]: statuses for project in world.projects}
        yield server


def test_every_history_of_every_issue_comes_with_its_instant(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    pull_jira(jira_settings(site))
    expected = {
        issue["key"]: sorted(
            (entry["id"], datetime.fromisoformat(entry["created"])) for entry in issue["changelog"]["histories"]
        )
        for issue in recorded_issues()
    }
    assert max(map(len, expected.values())) == 100
    found = {
        row.key: sorted((entry["id"], datetime.fromisoformat(entry["created"])) for entry in row.changelog)
        for row in rows("select key, changelog from raw_jira.issues")
    }
    assert found == expected


def test_sprints_and_statuses_come_whole(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    with clock.stopped_at(NOW):
        settings = jira_settings(site, backfill_days=1)
        pull_registry(settings)
        pull_sprints(settings)
        assert sync_sprints(settings) == 30
    assert rows("select count(*), count(distinct board_id) from raw_jira.sprints") == [(30, 2)]
    dates = ("2020-06-12T00:38:51.882+00:00", "2020-06-22T05:59:58.980+00:00")
    assert rows("select starts_at, completed_at from raw_jira.sprints where id = '7'") == [
        tuple(map(datetime.fromisoformat, dates))
    ]
    assert rows("select name from raw_jira.statuses where project_key = 'EE' and id = '10068'") == [("已完成",)]


def test_nobody_is_named_in_any_column(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    with clock.stopped_at(NOW - timedelta(days=1)):
        for fetch in (pull_registry, pull_jira, pull_sprints):
            fetch(jira_settings(site))
    everything = " ".join(
        str(row[0])
        for table in ("issues", "sprints", "boards", "projects", "statuses", "sprint_issues")
        for row in rows(f"select (to_jsonb(t) - '_dlt_id' - '_dlt_load_id')::text from raw_jira.{table} as t")
    )
    people = set(people_in(recorded_issues()))
    assert len(people) > 20
    assert {person for person in people if person in everything} == set()


def people_in(value: Any) -> Iterator[str]:
    """Account ids, names and addresses of people, wherever they stand."""
    if isinstance(value, dict):
        if "displayName" in value:
            yield from (str(value[key]) for key in ("displayName", "accountId", "emailAddress") if value.get(key))
        for inner in value.values():
            yield from people_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from people_in(inner)
