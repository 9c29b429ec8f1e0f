"""Work items: whatever the order of arrival and the split into builds, one result.

The same deliveries go in as they happened, shuffled, and the newest first, in two builds; what stands in the tables is
what a full rebuild gives, row for row, and, apart from when each was received, what the order of events gives.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import (
    CONFIGURATION,
    FOUND_IN,
    INTRODUCED_IN,
    Delivery,
    Ticket,
    fetch,
    land,
)
from tests.dbt.work_item_tables import ARRIVAL, TABLES, build_work_items, rows
from tests.marts import marts_database

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture
def company(settings: Settings) -> Iterator[Engine]:
    """Two streams, two projects, an empty inbox."""
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
    yield engine
    engine.dispose()


def build(settings: Settings, *, full_refresh: bool = False) -> None:
    build_work_items(settings, AS_OF, full_refresh=full_refresh)


def one_row(engine: Engine, query: str) -> dict[str, Any]:
    with engine.connect() as connection:
        return dict(connection.execute(text(query)).one()._mapping)


def january(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def story() -> list[Delivery]:
    """A month of a small team, in the order in which things happened."""
    plain = Ticket("PAY-1", january(5), sprints=(7,))
    reopened = Ticket("PAY-2", january(5))
    cancelled = Ticket("PAY-3", january(6))
    retagged = Ticket("PAY-4", january(6), tech=())
    mover = Ticket("PAY-5", january(7))
    deleted = Ticket("PAY-6", january(7))
    by_resolution = Ticket("PAY-7", january(8), status="In QA")
    unmapped = Ticket("PAY-8", january(8))
    never_started = Ticket("IDN-9", january(8), stream=None)
    bug = Ticket("PAY-10", january(9), ticket_type="Bug", parent="PAY-2", sprints=(7,))
    told = [
        bug.made(),
        bug.said(january(10), INTRODUCED_IN, "Development"),
        bug.said(january(11), INTRODUCED_IN, "Requirements"),
        bug.in_sprints(january(12)),
        bug.said(january(12, 10), FOUND_IN, "In QA"),
        bug.in_sprints(january(13), 7),
        plain.made(),
        plain.moved(january(6), "In Progress"),
        plain.flagged(january(7), "Impediment"),
        plain.flagged(january(8), None),
        plain.moved(january(9), "Ready for QA"),
        plain.moved(january(12), "In QA"),
        plain.moved(january(12, 15), "In Progress"),
        plain.moved(january(13), "Done", "Fixed"),
        reopened.made(),
        reopened.moved(january(6), "In Progress"),
        reopened.moved(january(7), "Done", "Fixed"),
        reopened.moved(january(8), "In Progress"),
        reopened.moved(january(21), "Done", "Fixed"),
        cancelled.made(),
        cancelled.moved(january(7), "In Progress"),
        cancelled.moved(january(8), "Cancelled", "Won't Do"),
        retagged.made(),
        retagged.moved(january(8), "In Progress"),
    ]
    retagged.stream, retagged.tech = "Identity", ("auth", "core-api")
    told += [
        retagged.told(january(9)),
        mover.made(),
        mover.moved(january(8), "In Progress"),
        mover.renamed(january(9), "IDN-50"),
        mover.moved(january(10), "Done", "Fixed"),
        deleted.made(),
        deleted.moved(january(8), "Done", "Fixed"),
        deleted.told(january(9), event="jira:issue_deleted"),
        by_resolution.made(),
        unmapped.made(),
        unmapped.moved(january(9), "Somewhere Else"),
        never_started.made(),
        never_started.moved(january(12), "Done", "Fixed"),
    ]
    by_resolution.resolution, by_resolution.resolved = "Fixed", january(9)
    told.append(by_resolution.told(january(9), {"field": "resolution", "fromString": None, "toString": "Fixed"}))
    return sorted(told, key=lambda delivery: delivery.received_at)


def in_the_order_of(name: str, deliveries: list[Delivery]) -> list[Delivery]:
    if name == "newest first":
        return list(reversed(deliveries))
    shuffled = list(deliveries)
    random.Random(name).shuffle(shuffled)
    # Some come twice.
    return shuffled + shuffled[::5]


def test_late_and_doubled_deliveries_in_two_builds_give_what_a_full_rebuild_gives(
    company: Engine, settings: Settings
) -> None:
    deliveries = story()
    land(company, deliveries)
    build(settings, full_refresh=True)
    as_it_happened = rows(company, without=ARRIVAL)
    assert len(as_it_happened["cycles.work_items"]) == 10
    assert len(as_it_happened["events.defect_events"]) == 3
    assert len(as_it_happened["events.work_item_sprints"]) == 3
    assert len(as_it_happened["events.sprint_snapshots"]) == 12
    assert len(as_it_happened["cycles.work_item_cycles"]) == 5
    for order in ("newest first", "shuffled"):
        with company.begin() as connection:
            connection.execute(text("truncate landing.raw_events"))
        arrivals = in_the_order_of(order, deliveries)
        half = len(arrivals) // 2
        land(company, arrivals[:half])
        build(settings, full_refresh=True)
        land(company, arrivals[half:])
        build(settings)
        assert rows(company, without=ARRIVAL) == as_it_happened, order
    in_two_builds = rows(company)
    build(settings, full_refresh=True)
    assert in_two_builds == rows(company)


def test_what_is_fetched_later_joins_what_was_heard(company: Engine, settings: Settings) -> None:
    """A fetch with changelog fills the gap of a lost delivery; one without changelog dates the completion."""
    heard = Ticket("PAY-1", january(5))
    lost = [heard.made(), heard.moved(january(6), "In Progress"), heard.moved(january(8), "In QA")]
    last = heard.moved(january(9), "Done", "Fixed")
    land(company, [lost[0], last])
    build(settings, full_refresh=True)
    first = one_row(company, "select first_in_progress, completed_at from cycles.work_item_cycles")
    assert first == {"first_in_progress": None, "completed_at": january(9)}

    fetch(company, heard, january(9), "1767949200.5", changelog=True)
    unheard = Ticket("PAY-2", january(5), status="Done", resolution="Fixed", resolved=january(13))
    fetch(company, unheard, january(20), "1767949200.5", changelog=False)
    build(settings)
    in_two_builds = rows(company)
    found = one_row(
        company, "select first_in_progress, completed_at from cycles.work_item_cycles where ticket_id = 'PAY-1'"
    )
    assert found == {"first_in_progress": january(6), "completed_at": january(9)}
    found = one_row(
        company, "select first_in_progress, completed_at from cycles.work_item_cycles where ticket_id = 'PAY-2'"
    )
    assert found == {"first_in_progress": None, "completed_at": january(13)}
    build(settings, full_refresh=True)
    assert in_two_builds == rows(company)


def test_rows_that_did_not_change_are_not_written_again(company: Engine, settings: Settings) -> None:
    deliveries = story()
    land(company, deliveries)
    build(settings, full_refresh=True)
    written = "select md5(string_agg(ctid::text || xmin::text, ',' order by ctid)) as rows_as_stored from {table}"
    tables = [table for table in TABLES if table != "events.work_item_attributes"]
    before = [one_row(company, written.format(table=table)) for table in tables]
    again = deliveries[0]
    land(company, [Delivery("again", again.event_name, again.received_at + timedelta(minutes=1), again.payload)])
    build(settings)
    assert [one_row(company, written.format(table=table)) for table in tables] == before


def test_a_new_mapping_is_applied_to_what_has_already_arrived(company: Engine, settings: Settings) -> None:
    land(company, story())
    build(settings, full_refresh=True)
    query = "select current_stage, is_active_work from cycles.work_items where ticket_id = 'PAY-8'"
    assert one_row(company, query) == {"current_stage": None, "is_active_work": None}
    with company.begin() as connection:
        connection.execute(
            text("insert into config.status_mappings values (default, 'PAY', 'Somewhere Else', 'uat', true, 9)")
        )
        connection.execute(text("update config.delivery_streams set name = 'cards' where name = 'payments'"))
        connection.execute(text("delete from config.holidays"))
    build(settings)
    in_two_builds = rows(company)
    assert one_row(company, query) == {"current_stage": "uat", "is_active_work": True}
    build(settings, full_refresh=True)
    assert in_two_builds == rows(company)
