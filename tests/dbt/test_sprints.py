"""Sprints: what is heard, fetched, polled and registered becomes one ledger and one row per day.

Whatever is built incrementally is what a full rebuild gives; closed sprints that nothing touches are not written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from orchestration.defs.forecast.confidence import write_confidences
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import CONFIGURATION, Delivery, Ticket, bury, land
from tests.dbt.work_item_tables import all_of, build_work_items, rows
from tests.marts import marts_database

START = datetime(2026, 1, 12, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture
def company(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
    yield engine
    engine.dispose()


def after(days: float) -> datetime:
    return START + timedelta(days=days)


def sprint_delivery(moment: datetime, event: str, number: int, **sprint: Any) -> Delivery:
    """What Jira sends about a sprint."""
    payload = {"timestamp": int(moment.timestamp() * 1000), "webhookEvent": event, "sprint": {"id": number, **sprint}}
    return Delivery(f"{event}/{number}/{moment}", event, moment, payload)


def fetch_sprint(engine: Engine, number: int, state: str, starts_at: datetime, completed_at: datetime | None) -> None:
    """Store a sprint as the Jira source does."""
    with engine.begin() as connection:
        connection.execute(text("delete from raw_jira.sprints where id = :id"), {"id": str(number)})
        connection.execute(
            text(
                """
                insert into raw_jira.sprints (id, board_id, name, state, starts_at, completed_at, _dlt_load_id, _dlt_id)
                values (:id, '1', 'a sprint', :state, :starts_at, :completed_at, '1900000000.5', :id)
                """
            ),
            {"id": str(number), "state": state, "starts_at": starts_at, "completed_at": completed_at},
        )


def poll(engine: Engine, number: int, key: str, is_member: bool, moment: datetime, load_id: str) -> None:
    """Store that an issue was, or was not, in a sprint when it was looked at."""
    with engine.begin() as connection:
        connection.execute(
            text("delete from raw_jira.sprint_issues where sprint_id = :number and issue_id = :key"),
            {"number": str(number), "key": key},
        )
        connection.execute(
            text(
                """
                insert into raw_jira.sprint_issues
                    (sprint_id, issue_id, issue_key, is_member, observed_at, _dlt_load_id, _dlt_id)
                values (:number, :key, :key, :is_member, :moment, :load_id, :key)
                """
            ),
            {"number": str(number), "key": key, "is_member": is_member, "moment": moment, "load_id": load_id},
        )


def snapshots(engine: Engine, number: int) -> list[tuple[Any, ...]]:
    return all_of(
        engine,
        f"""
        select snapshot_date, committed_count, completed_count, remaining_count, added_after_start, removed_after_start,
            is_final
        from events.sprint_snapshots where jira_sprint_id = '{number}' order by snapshot_date
        """,
    )


def confidences(engine: Engine, settings: Settings) -> dict[str, tuple[Any, ...]]:
    """What is left, the working days for it and whether there is an answer, of each sprint that is active."""
    with engine.begin() as connection:
        connection.execute(text("truncate forecast.sprint_confidence"))
        write_confidences(connection, settings)
    found = all_of(
        engine,
        """
        select distinct jira_sprint_id, found.remaining_count, found.working_days_left, found.error_state
        from forecast.sprint_confidence as found
        inner join events.sprint_snapshots using (sprint_id)
        """,
    )
    return {number: tuple(rest) for number, *rest in found}


def test_a_sprint_that_is_heard_of_day_by_day_is_what_a_rebuild_gives(company: Engine, settings: Settings) -> None:
    done, late, gone, missed = (Ticket(f"PAY-{number}", after(-1), sprints=(8,)) for number in range(1, 5))
    missed.sprints = ()
    land(
        company,
        [
            sprint_delivery(after(-2), "sprint_created", 8, name="Eight", state="future"),
            *(ticket.made() for ticket in (done, late, gone, missed)),
        ],
    )

    times = {"startDate": "2026-01-12T09:00:00.000Z", "endDate": "2026-01-23T17:00:00.000Z"}
    started = {"name": "Eight", "state": "active", **times}
    land(
        company,
        [sprint_delivery(after(0.001), "sprint_started", 8, **started), done.moved(after(0.1), "Done", "Fixed")],
    )
    build_work_items(settings, after(0.2), full_refresh=True)
    assert snapshots(company, 8) == [(date(2026, 1, 12), 3, 1, 2, 0, 0, False)]

    # The second day: one was deleted, one taken out; the poll finds a fourth of which nobody told.
    bury(company, gone.issue_id, gone.key, "deleted", after(1), "1")
    land(company, [late.in_sprints(after(1.1)), missed.told(after(1.2))])
    poll(company, 8, "PAY-4", True, after(1.2), "2")
    build_work_items(settings, after(1.3))
    assert snapshots(company, 8)[-1] == (date(2026, 1, 13), 3, 1, 1, 1, 2, False)
    # Nine weekdays with today, and a holiday among them.
    assert confidences(company, settings)["8"] == (1, 8, "no_data")

    # It is closed; then comes news from its first day, and lands where it belongs.
    closed = {**started, "state": "closed", "completeDate": "2026-01-14T09:00:00.000Z"}
    land(
        company,
        [
            sprint_delivery(after(2), "sprint_closed", 8, **closed),
            missed.moved(after(5), "Done", "Fixed"),
            late.moved(after(0.5), "Done", "Fixed"),
        ],
    )
    build_work_items(settings, after(6))
    assert snapshots(company, 8) == [
        (date(2026, 1, 12), 3, 2, 1, 0, 0, False),
        (date(2026, 1, 13), 3, 1, 1, 1, 2, False),
        (date(2026, 1, 14), 3, 1, 1, 1, 2, True),
    ]
    day_by_day = rows(company)
    build_work_items(settings, after(6), full_refresh=True)
    assert rows(company) == day_by_day


def test_a_sprint_heard_of_and_one_fetched_are_alike(company: Engine, settings: Settings) -> None:
    ticket = Ticket("PAY-1", after(-1), sprints=(8, 9))
    times = {"startDate": "2026-01-12T09:00:00.000Z", "endDate": "2026-01-26T09:00:00.000Z"}
    closed = {**times, "state": "closed", "completeDate": "2026-01-16T09:00:00.000Z", "name": "Eight"}
    land(company, [ticket.made(), sprint_delivery(after(4), "sprint_closed", 8, **closed)])
    fetch_sprint(company, 9, "closed", START, after(4))
    build_work_items(settings, after(20), full_refresh=True)
    assert snapshots(company, 8) == snapshots(company, 9)
    assert len(snapshots(company, 8)) == 5
    # The one in the register has dates alone.
    assert [day for day, *_ in snapshots(company, 7)] == [date(2026, 1, 5) + timedelta(days=day) for day in range(12)]
    assert [is_final for *_, is_final in snapshots(company, 7)] == [False] * 11 + [True]
    # Jira's own word of a deletion takes a sprint away.
    land(company, [sprint_delivery(after(21), "sprint_deleted", 8, **closed)])
    build_work_items(settings, after(22))
    assert snapshots(company, 8) == []


def test_a_closed_sprint_that_nothing_touches_is_not_written_again(company: Engine, settings: Settings) -> None:
    inside, outside = Ticket("PAY-1", after(-1), sprints=(8,)), Ticket("PAY-2", after(-1))
    fetch_sprint(company, 8, "closed", START, after(4))
    land(company, [inside.made(), outside.made()])
    build_work_items(settings, after(6), full_refresh=True)
    written = "select md5(string_agg(ctid::text || xmin::text, ',' order by ctid)) from events.sprint_snapshots"
    before = all_of(company, written)
    land(company, [outside.moved(after(6), "In Progress"), inside.moved(after(6), "Done", "Fixed")])
    build_work_items(settings, after(7))
    assert all_of(company, written) == before


def test_where_a_ticket_left_the_query_it_is_no_work_in_progress_and_keeps_its_history(
    company: Engine, settings: Settings
) -> None:
    begun, done = Ticket("PAY-1", START), Ticket("PAY-2", START)
    land(
        company,
        [begun.made(), begun.moved(after(1), "In Progress"), done.made(), done.moved(after(1), "Done", "Fixed")],
    )
    build_work_items(settings, after(2), full_refresh=True)
    for ticket in (begun, done):
        bury(company, ticket.issue_id, ticket.key, "out_of_scope", after(2), "1")
    build_work_items(settings, after(3), full_refresh=True)
    look = "select ticket_id, is_out_of_scope, is_deleted, current_stage from cycles.work_items order by ticket_id"
    assert all_of(company, look) == [("PAY-1", True, False, "dev"), ("PAY-2", True, False, "done")]
    assert all_of(company, "select ticket_id from cycles.work_item_cycles") == [("PAY-2",)]
    bury(company, begun.issue_id, begun.key, "present", after(4), "2")
    build_work_items(settings, after(5))
    assert all_of(company, look)[0] == ("PAY-1", False, False, "dev")
