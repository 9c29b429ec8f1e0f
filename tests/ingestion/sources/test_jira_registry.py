"""Fields, projects, statuses and boards are the site's: new ones come, vanished ones go, accidents do neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.privacy import Pseudonymiser
from ingestion.operations import Meter
from ingestion.sources.jira import JiraSite, connection
from ingestion.sources.jira.pull import pull_registry
from ingestion.sources.jira.registry import Seen, jira_registry
from tests.ingestion.sources.conftest import JiraSettings, Query, failing_load
from tests.ingestion.sources.jira_registry_server import status
from tests.ingestion.sources.jira_server import EMAIL, TOKEN, Fault, JiraServer
from tests.ingestion.sources.jira_shapes import PERSON, board

FIELDS: list[dict[str, Any]] = [
    {"id": "summary", "name": "Summary", "custom": False, "schema": {"type": "string", "system": "summary"}},
    {"id": "customfield_10020", "name": "Sprint", "custom": True, "schema": {"type": "array", "custom": "gh-sprint"}},
    {"id": "thumbnail", "name": "Images", "custom": False},
]


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer([], deployment=getattr(request, "param", "cloud")) as server:
        world = server.world
        world.fields = list(FIELDS)
        world.projects = [
            {"id": str(number), "key": f"P{number}", "name": f"Project {number}", "lead": PERSON}
            for number in range(1, 6)
        ]
        world.projects.append({"id": "9", "key": "OLD", "name": "Old", "archived": True})
        started = status("3", "In Arbeit", "indeterminate")
        world.statuses = {f"P{number}": [status("1", "Offen", "new"), started] for number in range(1, 5)}
        world.statuses["P5"] = [status("3", "In Arbeit", None), status("7", "Fertig", None)]
        world.boards = {number: board(number) for number in range(1, 5)} | {5: board(5, "kanban", project=None)}
        yield server


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_DELAY_SECONDS", 0.001)


@pytest.mark.parametrize("site", ["cloud", "data_center"], indirect=True)
def test_the_registry_is_the_site_s(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    pull_registry(jira_settings(site))
    assert rows("select id, name, is_custom, schema ->> 'type' from raw_jira.fields order by id") == [
        ("customfield_10020", "Sprint", True, "array"),
        ("summary", "Summary", False, "string"),
        ("thumbnail", "Images", False, None),
    ]
    assert rows("select key, is_archived from raw_jira.projects where name in ('Project 5', 'Old') order by key") == [
        ("OLD", True),
        ("P5", False),
    ]
    assert rows("select count(*), min(type), max(project_key) from raw_jira.boards") == [(5, "kanban", "PAY")]
    assert rows("select project_key from raw_jira.boards where id = '5'") == [(None,)]


def test_a_status_stands_once_for_each_project_and_with_its_category(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    pull_registry(jira_settings(site))
    assert rows("select id, name, category from raw_jira.statuses where project_key = 'P1' order by id") == [
        ("1", "Offen", "new"),
        ("3", "In Arbeit", "indeterminate"),
    ]
    assert rows("select count(*), count(distinct project_key) from raw_jira.statuses") == [(10, 5)]


def test_running_twice_changes_nothing(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    everything = (
        "select (select jsonb_agg(to_jsonb(f) - '_dlt_id' - '_dlt_load_id' order by id) from raw_jira.fields as f),"
        " (select jsonb_agg(to_jsonb(s) - '_dlt_id' - '_dlt_load_id' order by project_key, id)"
        " from raw_jira.statuses as s)"
    )
    pull_registry(jira_settings(site))
    before = rows(everything)
    pull_registry(jira_settings(site))
    assert rows(everything) == before


def test_what_vanished_from_the_site_vanishes_here(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    pull_registry(jira_settings(site))
    site.world.fields = FIELDS[:2]
    site.world.statuses["P1"] = [status("1", "Offen", "new")]
    del site.world.boards[5]
    pull_registry(jira_settings(site))
    assert rows("select count(*) from raw_jira.fields") == [(2,)]
    assert rows("select id from raw_jira.statuses where project_key = 'P1'") == [("1",)]
    assert rows("select count(*) from raw_jira.boards") == [(4,)]


@pytest.mark.parametrize("site", ["cloud", "data_center"], indirect=True)
def test_statuses_of_a_project_that_jira_hides_stay(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    pull_registry(jira_settings(site))
    del site.world.statuses["P5"]
    pull_registry(jira_settings(site))
    assert rows("select count(*) from raw_jira.statuses where project_key = 'P5'") == [(2,)]


def test_a_list_that_is_suddenly_short_is_refused(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    site.world.fields = [{"id": f"customfield_{number}", "name": "x", "custom": True} for number in range(20)]
    pull_registry(jira_settings(site))
    site.world.fields = site.world.fields[:9]
    with failing_load("Jira lists 9 fields, and 20 are held. Nothing was changed"):
        pull_registry(jira_settings(site))
    assert rows("select count(*) from raw_jira.fields") == [(20,)]
    pull_registry(jira_settings(site), accept_losses=True)
    assert rows("select count(*) from raw_jira.fields") == [(9,)]


def test_a_failing_page_replaces_nothing(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    pull_registry(jira_settings(site))
    site.world.fields = FIELDS[:2]
    # The fields are answered, and after them nobody is at home.
    site.faults.append(None)
    site.fault_every = (1, Fault(503))
    with failing_load("503"):
        pull_registry(jira_settings(site))
    assert rows("select count(*) from raw_jira.fields") == [(3,)]


def test_single_tables_can_be_selected(site: JiraServer) -> None:
    where = JiraSite(site.url, EMAIL if site.deployment == "cloud" else "", TOKEN, site.deployment)
    source = jira_registry(where, Pseudonymiser("a key"), Seen(held={}), meter=Meter())
    assert [table.num_rows for table in source.with_resources("fields")] == [3]
    assert [request.path.rpartition("/")[2] for request in site.requests] == ["field"]


def test_a_board_that_stands_with_a_person_does_not_name_that_person(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    owner = {"userAccountId": "557058:zoltan-account", "displayName": "Zoltan Example"}
    site.world.boards = {1: board(1, project=None) | {"name": "Zoltan Example's board", "location": owner}}
    pull_registry(jira_settings(site))
    [(name,)] = rows("select name from raw_jira.boards")
    assert "Zoltan" not in name
    assert name.endswith("'s board")
