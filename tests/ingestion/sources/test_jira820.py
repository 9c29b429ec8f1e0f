"""The source against a Jira Data Center that others wrote: jira820, which keeps issues, boards and sprints.

It speaks REST v2 alone, gives no changelog in a search and knows issues by their keys alone: not all of it is like
Jira, but none of it is written to please us. Without the package the tests say so and are skipped; with CI=true they
fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import ModuleType
from typing import Any

import pytest
import requests

from core import clock
from core.settings import Settings
from ingestion.sources.jira.pull import pull_jira, pull_registry, pull_sprints, reconcile_jira, sync_sprints
from tests.conftest import in_ci, serving
from tests.ingestion.sources.conftest import Query

TODAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class DataCenter:
    """A running site, what it holds, and settings that name it."""

    url: str
    store: Any
    settings: Settings

    def write(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Change the site over its own interface."""
        response = requests.request(method, self.url + path, json=body, timeout=10)
        response.raise_for_status()
        answered: dict[str, Any] = response.json() if response.content else {}
        return answered


@pytest.fixture
def jira820() -> ModuleType:
    """The package."""
    if in_ci():
        import jira820 as package
    else:
        package = pytest.importorskip("jira820", reason="needs the development package jira820")
    return package  # type: ignore[no-any-return]


@pytest.fixture
def site(jira820: ModuleType, raw_tables: Settings, tmp_path: Any) -> Iterator[DataCenter]:
    config = jira820.Config(
        base_date=TODAY.date(), project_key="PAY", modules=["Web", "Cards"], epics_per_module=2, history_per_module=8
    )
    store = jira820.build_store(config)
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "jira_api_token").write_text("any token will do")
    (folder / "pseudonym_key").write_text("the key of these tests")
    with serving(jira820.make_app(store)) as url, clock.stopped_at(TODAY):
        named = {"jira_url": url, "jira_deployment": "data_center", "jira_email": "", "secrets_folder": folder}
        yield DataCenter(url, store, raw_tables.model_copy(update=named))


def test_all_issues_come_with_their_whole_changelogs(site: DataCenter, rows: Query) -> None:
    pull_jira(site.settings)
    expected = sorted((key, len(held["changelog"])) for key, held in site.store.issues.items())
    assert len(expected) > 40
    assert sum(length for _, length in expected) > 40
    found = rows("select key, jsonb_array_length(changelog) from raw_jira.issues")
    assert sorted((key, length) for key, length in found) == expected


def test_nobody_is_named(site: DataCenter, rows: Query) -> None:
    pull_jira(site.settings)
    [(everything,)] = rows("select string_agg(fields::text || coalesce(changelog::text, ''), ' ') from raw_jira.issues")
    people = {str(person["displayName"]) for person in site.store.users.values()}
    assert len(people) > 3
    assert not [person for person in people if f'"{person}"' in everything]


def test_a_day_of_work_is_followed(site: DataCenter, rows: Query) -> None:
    pull_jira(site.settings)
    before = rows("select count(*) from raw_jira.issues")[0][0]
    key = sorted(site.store.issues)[0]
    made = site.write(
        "POST", "/rest/api/2/issue", {"fields": {"summary": "Pay with cards", "issuetype": {"name": "Story"}}}
    )
    site.write("PUT", f"/rest/api/2/issue/{key}", {"fields": {"summary": "Said in other words"}})
    [transition, *_] = site.write("GET", f"/rest/api/2/issue/{made['key']}/transitions")["transitions"]
    site.write("POST", f"/rest/api/2/issue/{made['key']}/transitions", {"transition": {"id": transition["id"]}})
    pull_jira(site.settings)
    assert rows("select count(*) from raw_jira.issues") == [(before + 1,)]
    assert rows("select fields ->> 'summary' from raw_jira.issues where key = :key", key=key) == [
        ("Said in other words",)
    ]
    [(status, changes)] = rows(
        "select fields #>> '{status,name}', jsonb_array_length(changelog) from raw_jira.issues where key = :key",
        key=made["key"],
    )
    assert (status, changes) == (transition["to"]["name"], 1)


def test_sprints_and_their_issues_are_followed_into_the_calendar(site: DataCenter, rows: Query) -> None:
    pull_sprints(site.settings)
    held = {str(sprint["id"]): sprint["state"] for sprint in site.store.sprints.values()}
    assert dict(tuple(row) for row in rows("select id, state from raw_jira.sprints")) == held
    [active] = [sprint_id for sprint_id, state in held.items() if state == "active"]
    members = "select issue_key from raw_jira.sprint_issues where sprint_id = :id and is_member order by 1"
    in_sprint = sorted(key for key, each in site.store.issues.items() if int(active) in each["sprints"])
    assert [row[0] for row in rows(members, id=active)] == in_sprint
    site.write("POST", "/rest/agile/1.0/backlog/issue", {"issues": in_sprint[:1]})
    site.write("PUT", f"/rest/agile/1.0/sprint/{active}", {"goal": "Cards for everyone"})
    pull_sprints(site.settings)
    sync_sprints(site.settings)
    assert [row[0] for row in rows(members, id=active)] == in_sprint[1:]
    assert rows("select goal, state from config.sprints where jira_sprint_id = :id", id=active) == [
        ("Cards for everyone", "active")
    ]


def test_a_deleted_issue_gets_a_tombstone_and_a_lost_one_is_fetched(site: DataCenter, rows: Query) -> None:
    pull_jira(site.settings)
    gone, lost = sorted(site.store.issues)[:2]
    site.write("DELETE", f"/rest/api/2/issue/{gone}")
    # Changed so long ago that no cursor reaches it.
    site.store.issues["PAY-9000"] = site.store.issues[lost] | {"key": "PAY-9000", "updated": date(2020, 1, 1)}
    reconcile_jira(site.settings)
    assert rows("select key, state from raw_jira.tombstones") == [(gone, "deleted")]
    assert rows("select count(*) from raw_jira.issues where key = 'PAY-9000'") == [(1,)]


def test_the_registry_is_read(site: DataCenter, rows: Query) -> None:
    pull_registry(site.settings)
    assert rows("select key from raw_jira.projects") == [("PAY",)]
    assert rows("select name, category from raw_jira.statuses where project_key = 'PAY' and id = '3'") == [
        ("In Progress", "indeterminate")
    ]
    assert rows("select schema ->> 'custom' from raw_jira.fields where name = 'Sprint'") == [
        ("com.pyxis.greenhopper.jira:gh-sprint",)
    ]
    assert rows("select count(*) from raw_jira.boards where type = 'scrum'")[0][0] > 0
