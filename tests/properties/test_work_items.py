"""Work items: however their news comes and into however many builds it falls, the marts hold what the reference says.

Lives of tickets are generated, their deliveries shuffled, doubled and dealt out over builds; stays and cycles are those
of a full rebuild, row for row, and those that a small Python reference computes from the log of what happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import CONFIGURATION, land
from tests.dbt.work_item_tables import ARRIVAL, TABLES, all_of, build_work_items, rows
from tests.marts import marts_database
from tests.properties.examples import SEEDS, a_few_examples, dealt_out, lives
from tests.properties.reference.business_time import Calendar
from tests.properties.reference.work_items import TicketLog, cycle, stays
from tests.properties.ticket_lives import MAPPINGS, TicketLife

BEGINS, ENDS = datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)
HOLIDAYS = frozenset({date(2026, 3, 6), date(2026, 4, 3), date(2026, 4, 6)})
# Clocks change on a Friday, on a Sunday, on another continent's Sunday, and never.
ZONES = ("Africa/Cairo", "America/New_York", "Pacific/Auckland", "Asia/Kolkata")
# The marts round each stay to a millionth of a day, a twelfth of a second.
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def server_settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture(scope="module")
def company(server_settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(server_settings))
    yield engine
    engine.dispose()


@a_few_examples(usual=1)
@given(seeds=lives(150), zone=st.sampled_from(ZONES), order=SEEDS, builds=st.integers(2, 3))
def test_stays_and_cycles_are_those_of_the_reference(
    company: Engine, server_settings: Settings, seeds: list[int], zone: str, order: int, builds: int
) -> None:
    settings = server_settings.model_copy(update={"timezone": zone})
    with company.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
        connection.execute(text("truncate config.holidays"))
        for day in HOLIDAYS:
            connection.execute(text("insert into config.holidays values (:day, 'a holiday')"), {"day": day})
    told = [TicketLife(seed, number, BEGINS, ENDS) for number, seed in enumerate(seeds, start=1)]
    logs = {life.log.key: life.log for life in told}
    deliveries = [delivery for life in told for delivery in life.deliveries]

    for number, arrived in enumerate(dealt_out(deliveries, order, builds)):
        land(company, arrived)
        build_work_items(settings, ENDS, full_refresh=number == 0)
    in_steps = rows(company, without=ARRIVAL)
    calendar = Calendar(ZoneInfo(zone), HOLIDAYS)
    assert_stays(company, logs, calendar)
    assert_cycles(company, logs, calendar)

    build_work_items(settings, ENDS, full_refresh=True)
    rebuilt = rows(company, without=ARRIVAL)
    for table in TABLES:
        assert in_steps[table] == rebuilt[table], table


def assert_stays(engine: Engine, logs: dict[str, TicketLog], calendar: Calendar) -> None:
    found: dict[str, list[tuple[object, ...]]] = {key: [] for key in logs}
    for ticket_id, *values in all_of(
        engine,
        """
        select ticket_id, started_at, ended_at, stage, is_active_work, business_days
        from cycles.work_item_stage_intervals order by ticket_id, started_at
        """,
    ):
        found[ticket_id].append(tuple(values))
    for key, log in logs.items():
        expected = stays(log, MAPPINGS)
        assert [row[:4] for row in found[key]] == [(s.start, s.end, s.stage, s.is_active) for s in expected], log
        for row, stay in zip(found[key], expected, strict=True):
            spent = None if stay.end is None else calendar.business_days(stay.start, stay.end)
            assert near(row[4], spent), (log, row, spent)


def assert_cycles(engine: Engine, logs: dict[str, TicketLog], calendar: Calendar) -> None:
    found = {
        row[0]: row[1:]
        for row in all_of(
            engine,
            """
            select
                c.ticket_id, c.first_in_progress, c.completed_at, c.created_at, c.is_reopened, c.ticket_type,
                streams.name, (select array_agg(t.name order by t.name) from config.tech_streams t
                    where t.stream_id = any(c.tech_stream_ids)), c.story_points,
                c.lead_time_days, c.cycle_time_days, c.active_time_days, c.wait_time_days, c.blocked_days,
                c.flow_efficiency_pct, c.stage_durations
            from cycles.work_item_cycles as c
            left join config.delivery_streams as streams on c.delivery_stream_id = streams.stream_id
            """,
        )
    }
    expected = {key: lived for key, log in logs.items() if (lived := cycle(log, MAPPINGS, calendar))}
    assert found.keys() == expected.keys()
    assert sum(lived.is_reopened for lived in expected.values()) > 5, "too tame an example"
    assert sum(bool(lived.blocked_time) for lived in expected.values()) > 2, "too tame an example"
    for key, lived in expected.items():
        log, row = logs[key], found[key]
        facts = (lived.first_in_progress, lived.completed_at, log.created, lived.is_reopened, log.ticket_type)
        assert row[:5] == facts, log
        assert (row[5], frozenset(row[6] or ())) == (log.delivery_stream, log.tech_streams), log
        assert row[7] == log.points, log
        times = (lived.lead_time, lived.cycle_time, lived.active_time, lived.wait_time, lived.blocked_time)
        for said, meant in zip(row[8:13], times, strict=True):
            assert near(said, meant), (log, row[8:13], times)
        # What is divided by a minute of cycle time carries a larger part of the rounding.
        share = lived.flow_efficiency
        assert (row[13] is None) == (share is None), log
        assert share is None or near(row[13], share, 100 * ROUNDING / float(lived.cycle_time or 1) + 1e-4), log
        assert row[14].keys() == lived.stage_durations.keys(), log
        assert all(near(days, lived.stage_durations[name]) for name, days in row[14].items()), log


def near(said: object, meant: object, tolerance: float = ROUNDING) -> bool:
    """Whether two numbers are the same to rounding, or both missing."""
    if said is None or meant is None:
        return said is meant
    return abs(float(said) - float(meant)) <= tolerance  # type: ignore[arg-type]
