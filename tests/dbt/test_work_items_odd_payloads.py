"""Odd and garbled Jira deliveries: none stops a build, and what can be read is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.privacy import Pseudonymiser
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import CONFIGURATION, SPRINT, Delivery, Ticket, change, fetch, land
from tests.marts import build_marts, marts_database
from tests.real_data import shared_data

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
MOMENT = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
    yield engine
    engine.dispose()


def build(settings: Settings) -> None:
    build_marts(settings, AS_OF, full_refresh=True, select=("+work_item_cycles",), command="run")


def column(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def garbled() -> list[Any]:
    """Payloads that are wrong at every level that a model reads."""
    issue = Ticket("PAY-1", MOMENT).told(MOMENT, change("status", "To Do", "In Progress")).payload["issue"]
    return [
        None,
        "text",
        [1, 2],
        {"issue": "PAY-1"},
        {"issue": {"key": None, "fields": {}}},
        {"issue": {"key": "PAY-2", "fields": "none"}},
        {
            "issue": {
                "key": "PAY-3",
                "fields": {"created": "yesterday", "status": "Open", "labels": {"a": 1}, "project": 7},
            }
        },
        {
            "issue": {
                "key": "PAY-4",
                "fields": {"created": "2026-02-30T09:00:00.000+0000", "updated": "2026-01-05T25:00:00Z"},
            }
        },
        {"timestamp": "soon", "issue": issue, "changelog": "none"},
        {"timestamp": 10**17, "issue": issue, "changelog": {"id": "x" * 50, "items": {"field": "status"}}},
        {"timestamp": [1], "issue": issue, "changelog": {"id": 10**30, "items": [None, 3, "x", {"field": None}]}},
    ]


def test_garbled_payloads_stop_no_build_and_hide_no_good_one(inbox: Engine, settings: Settings) -> None:
    good = Ticket("PAY-99", MOMENT)
    deliveries = [Delivery(f"g{n}", "jira:issue_updated", MOMENT, payload) for n, payload in enumerate(garbled())]
    land(inbox, [*deliveries, good.made()])
    with inbox.begin() as connection:
        connection.execute(
            text(
                """
                insert into raw_jira.issues (id, key, updated_at, fields, changelog, _dlt_load_id, _dlt_id) values
                    ('1', 'PAY-50', :moment, '"none"', '{"a": 1}', '1', '1'),
                    ('2', 'PAY-51', :moment, '{"status": []}',
                        '[1, {"created": "then", "items": [{"field": "status"}]}]', '1', '2')
                """
            ),
            {"moment": MOMENT},
        )
    build(settings)
    found = column(inbox, "select ticket_id from cycles.work_items order by ticket_id")
    assert found == ["PAY-1", "PAY-2", "PAY-3", "PAY-4", "PAY-50", "PAY-51", "PAY-99"]


SERVER_SPRINT = "com.atlassian.greenhopper.service.sprint.Sprint@1f[id={},rapidViewId=2,state={},name=a,sequence=9]"
SPRINTS_AS_SENT: list[tuple[Any, str | None]] = [
    ([{"id": 38, "state": "closed"}, {"id": 40, "state": "closed"}], "40"),
    ([{"id": 41, "state": "active"}, {"id": 40, "state": "future"}], "41"),
    ({"id": 12, "state": "ACTIVE"}, "12"),
    ([SERVER_SPRINT.format(38, "CLOSED")], "38"),
    ([SERVER_SPRINT.format(38, "ACTIVE"), SERVER_SPRINT.format(39, "FUTURE")], "38"),
    ("38, 40", "40"),
    (None, None),
]


def test_the_sprint_is_the_active_one_or_the_last_in_every_form_that_jira_sends(
    inbox: Engine, settings: Settings
) -> None:
    deliveries = [Ticket(f"PAY-{number}", MOMENT).made() for number in range(len(SPRINTS_AS_SENT))]
    for delivery, (sent, _) in zip(deliveries, SPRINTS_AS_SENT, strict=True):
        delivery.payload["issue"]["fields"][SPRINT] = sent
    land(inbox, deliveries)
    build_marts(settings, AS_OF, full_refresh=True, select=("stg_jira__issue_events",), command="run")
    found = column(inbox, "select nullif(jira_sprint_id, '') from staging.stg_jira__issue_events order by landing_id")
    assert found == [number for _, number in SPRINTS_AS_SENT]


def test_published_deliveries_are_all_read(inbox: Engine, settings: Settings) -> None:
    """Recorded Jira deliveries, pseudonymised as the sink does it: none is lost between inbox and staging."""
    pseudonymiser = Pseudonymiser("a key for tests only")
    recorded = [json.loads(path.read_bytes()) for path in sorted(shared_data("jira_webhooks").glob("*.json"))]
    deliveries = [
        Delivery(str(number), payload["webhookEvent"], MOMENT, pseudonymiser.clean(payload))
        for number, payload in enumerate(recorded)
    ]
    land(inbox, deliveries)
    build(settings)
    with_issue = [
        one for one in deliveries if one.event_name.startswith("jira:issue_") and one.payload["issue"].get("key")
    ]
    assert column(inbox, "select count(*) from staging.stg_jira__issue_events") == [len(with_issue)]
    tickets = {one.payload["issue"]["key"] for one in with_issue}
    assert set(column(inbox, "select ticket_id from cycles.work_items")) == tickets
    # One sample resolves it, another reopens it 86 seconds later.
    assert column(inbox, "select is_done from cycles.work_items where ticket_id = 'TES-41'") == [False]


def test_no_fetched_issue_is_lost_and_none_is_doubled(inbox: Engine, settings: Settings) -> None:
    """What enters is counted against what leaves: ticket by ticket, fetched twice or once."""
    for number in range(1, 6):
        ticket = Ticket(f"PAY-{number}", MOMENT, status="Done" if number > 2 else "To Do")
        fetch(inbox, ticket, MOMENT, "1.0", changelog=False)
    fetch(inbox, Ticket("PAY-5", MOMENT, status="To Do"), AS_OF, "2.0", changelog=False)
    build(settings)
    assert column(inbox, "select current_stage from cycles.work_items order by ticket_id") == [
        "backlog",
        "backlog",
        "done",
        "done",
        "backlog",
    ]
    assert column(inbox, "select count(*) from cycles.work_item_cycles") == [2]
