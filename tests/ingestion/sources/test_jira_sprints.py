"""Sprints and their members follow Jira; the calendar follows the sprints, and admins keep their say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, text

from core import clock
from ingestion.sources.jira import connection
from ingestion.sources.jira.pull import pull_sprints, sync_sprints
from tests.ingestion.sources.conftest import JiraSettings, Query, failing_load
from tests.ingestion.sources.jira_server import Fault, JiraServer
from tests.ingestion.sources.jira_shapes import START, board, issue, sprint

NOW = START + timedelta(days=7)
MEMBERS = "select issue_id, is_member, observed_at from raw_jira.sprint_issues where sprint_id = '5' order by issue_id"
STATES = "select id, state from raw_jira.sprints order by id"


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer([issue(number) for number in range(1, 9)], deployment=getattr(request, "param", "cloud")) as server:
        world = server.world
        world.boards = {1: board(1), 2: board(2, "kanban"), 3: board(3, "simple"), 4: board(4, "simple")}
        # Board 4 is a team's without sprints; board 3 shows a sprint of board 1 too.
        world.sprints_of = {1: [3, 4, 5, 6], 3: [5, 8]}
        world.sprints = {
            3: sprint(3, "closed", starts_at=START - timedelta(days=900)),
            4: sprint(4, "closed", starts_at=START - timedelta(days=14)),
            5: sprint(5, "active", goal="Pay with cards"),
            6: sprint(6, "future", starts_at=None),
            8: sprint(8, "active", board_id=3),
        }
        world.members = {3: ["10001"], 4: ["10001", "10002"], 5: [f"1000{number}" for number in range(3, 8)], 8: []}
        yield server


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_DELAY_SECONDS", 0.001)


def asked_sprints(site: JiraServer) -> list[str]:
    """The sprints whose issues were asked for."""
    return sorted({request.path.split("/")[-2] for request in site.requests if request.path.endswith("/issue")})


@pytest.mark.parametrize("site", ["cloud", "data_center"], indirect=True)
def test_the_first_look_takes_all_sprints_and_the_issues_of_those_within_the_history(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
    assert rows(STATES) == [("3", "closed"), ("4", "closed"), ("5", "active"), ("6", "future"), ("8", "active")]
    assert asked_sprints(site) == ["4", "5", "6", "8"]
    assert rows("select sprint_id, count(*) from raw_jira.sprint_issues where is_member group by 1 order by 1") == [
        ("4", 2),
        ("5", 5),
    ]
    assert rows("select board_id, goal, starts_at, ends_at, completed_at from raw_jira.sprints where id = '5'") == [
        ("1", "Pay with cards", START, START + timedelta(days=14), None)
    ]
    assert rows("select issue_key from raw_jira.sprint_issues where issue_id = '10003'") == [("PAY-3",)]


def test_later_looks_ask_for_open_sprints_alone(site: JiraServer, jira_settings: JiraSettings) -> None:
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
        site.requests.clear()
        pull_sprints(jira_settings(site))
    assert asked_sprints(site) == ["5", "6", "8"]
    boards = [request for request in site.requests if request.path.endswith(("/board/1/sprint", "/board/3/sprint"))]
    assert [request.parameters["state"] for request in boards] == ["active,future"] * 2


def test_looking_twice_changes_nothing(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    everything = (
        "select jsonb_agg(to_jsonb(s) - '_dlt_id' - '_dlt_load_id' order by id),"
        " (select jsonb_agg(to_jsonb(m) - '_dlt_id' - '_dlt_load_id' order by sprint_id, issue_id)"
        " from raw_jira.sprint_issues as m) from raw_jira.sprints as s"
    )
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
        before = rows(everything)
        pull_sprints(jira_settings(site))
    assert rows(everything) == before


def test_an_issue_that_leaves_a_sprint_is_a_member_no_more(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
    site.world.members[5] = ["10003", "10008"]
    later = NOW + timedelta(hours=2)
    with clock.stopped_at(later):
        pull_sprints(jira_settings(site))
    with clock.stopped_at(NOW + timedelta(hours=4)):
        pull_sprints(jira_settings(site))
    last = NOW + timedelta(hours=4)
    assert rows(MEMBERS) == [
        ("10003", True, last),
        ("10004", False, later),
        ("10005", False, later),
        ("10006", False, later),
        ("10007", False, later),
        ("10008", True, last),
    ]


def test_a_sprint_that_closes_between_two_looks_is_seen_closed_with_its_last_members(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
    site.world.sprints[5] = sprint(5, "closed")
    site.world.members[5] = ["10003"]
    with clock.stopped_at(START + timedelta(days=15)):
        pull_sprints(jira_settings(site))
    assert rows("select state, completed_at from raw_jira.sprints where id = '5'") == [
        ("closed", START + timedelta(days=14, hours=3))
    ]
    assert [row[:2] for row in rows(MEMBERS) if row[1]] == [("10003", True)]


@pytest.mark.parametrize("site", ["cloud", "data_center"], indirect=True)
def test_a_deleted_sprint_is_marked_and_emptied(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
        sync_sprints(jira_settings(site))
        del site.world.sprints[5]
        pull_sprints(jira_settings(site))
        sync_sprints(jira_settings(site))
    assert rows("select state from raw_jira.sprints where id = '5'") == [("deleted",)]
    assert rows("select count(*) from raw_jira.sprint_issues where sprint_id = '5' and is_member") == [(0,)]
    assert rows("select count(*) from config.sprints where jira_sprint_id = '5'") == [(0,)]


def test_a_site_that_shows_no_board_any_more_buries_no_sprint(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
        site.world.boards.clear()
        with failing_load("Jira lists no board, and there were some"):
            pull_sprints(jira_settings(site))
    assert ("5", "active") in rows(STATES)


def test_a_board_that_is_broken_keeps_no_other_from_being_read(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
        site.world.broken_boards = {1}
        site.world.sprints[8] = sprint(8, "active", board_id=3, name="Renamed")
        site.world.members[5] = ["10003"]
        pull_sprints(jira_settings(site))
        assert rows("select name from raw_jira.sprints where id = '8'") == [("Renamed",)]
        assert [row[0] for row in rows(MEMBERS) if row[1]] == ["10003"]
        site.world.broken_boards = {1, 3}
        with failing_load("404, The requested board cannot be viewed"):
            pull_sprints(jira_settings(site))


def test_a_sprint_whose_issues_change_places_while_they_are_read_is_read_again(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    # Somebody drags the last issue to the top between two pages, once: one comes twice and another not at all.
    def drag(request: object) -> None:
        if site.requests[-1].path.endswith("/5/issue") and site.requests[-1].parameters.get("startAt") == "3":
            site.meanwhile = lambda _request: None
            site.world.members[5] = [site.world.members[5][-1], *site.world.members[5][:-1]]

    site.meanwhile = drag
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
    assert [row[0] for row in rows(MEMBERS)] == ["10003", "10004", "10005", "10006", "10007"]


def test_a_failing_page_replaces_nothing(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
        before = rows(MEMBERS)
        site.world.members[5] = []
        site.faults.extend([None] * 6)
        site.fault_every = (1, Fault(503))
        with failing_load("503"):
            pull_sprints(jira_settings(site))
    assert rows(MEMBERS) == before


def test_the_calendar_has_every_sprint_with_dates_in_days_of_the_organisation(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    evening = START.replace(hour=22)
    site.world.sprints[5] = sprint(5, "active", starts_at=evening, goal="Pay with cards")
    settings = jira_settings(site, timezone="Asia/Tokyo")
    with clock.stopped_at(NOW):
        pull_sprints(settings)
    assert sync_sprints(settings) == 4
    assert rows(
        "select name, start_date, end_date, goal, state from config.sprints where jira_sprint_id in ('5', '6')"
    ) == [("Sprint 5", date(2026, 1, 6), date(2026, 1, 20), "Pay with cards", "active")]
    assert sync_sprints(settings) == 0


def test_a_future_sprint_enters_the_calendar_when_it_has_dates(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    with clock.stopped_at(NOW):
        for starts_at, expected in ((None, 0), (START + timedelta(days=14), 1)):
            site.world.sprints[6] = sprint(6, "future", starts_at=starts_at)
            pull_sprints(jira_settings(site))
            sync_sprints(jira_settings(site))
            assert rows("select count(*) from config.sprints where jira_sprint_id = '6'") == [(expected,)]


def test_the_calendar_suggests_the_stream_of_the_board_s_project_and_keeps_the_admin_s(
    site: JiraServer, jira_settings: JiraSettings, rows: Query, engine: Engine
) -> None:
    with engine.begin() as connection_:
        for name in ("payments", "cards"):
            connection_.execute(
                text("insert into config.delivery_streams (name, display_name) values (:name, :name)"), {"name": name}
            )
        connection_.execute(
            text(
                "insert into config.jira_projects (jira_project_key, delivery_stream_id)"
                " select 'PAY', stream_id from config.delivery_streams where name = 'payments'"
            )
        )
    with clock.stopped_at(NOW):
        pull_sprints(jira_settings(site))
        sync_sprints(jira_settings(site))
        with engine.begin() as connection_:
            connection_.execute(
                text(
                    "update config.sprints set delivery_stream_id = (select stream_id from config.delivery_streams"
                    " where name = 'cards') where jira_sprint_id = '5'"
                )
            )
        site.world.sprints[5] = sprint(5, "active", name="Renamed", goal=None)
        pull_sprints(jira_settings(site))
        sync_sprints(jira_settings(site))
    assert rows(
        "select jira_sprint_id, sprints.name, streams.name from config.sprints as sprints"
        " join config.delivery_streams as streams on sprints.delivery_stream_id = streams.stream_id"
        " where jira_sprint_id in ('4', '5') order by 1"
    ) == [("4", "Sprint 4", "payments"), ("5", "Renamed", "cards")]
