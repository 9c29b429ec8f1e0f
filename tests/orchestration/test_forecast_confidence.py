"""The confidence in active sprints and the back-tests of streams: which days, which history, which rows are kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, text

from core.database import database_url, make_engine
from core.forecasting.sprint import chance
from core.settings import Settings
from orchestration.defs.forecast.calibrations import write_calibrations
from orchestration.defs.forecast.confidence import prune, write_confidences
from tests.conftest import make_database

# A Wednesday, eleven o'clock.
AS_OF = datetime(2026, 3, 4, 11, tzinfo=UTC)
PAYMENTS = UUID(int=7)
MARTS = """
create table staging.business_calendar as
select day::date, extract(isodow from day) < 6 and day <> date '2026-03-05' as is_business_day
from generate_series(timestamp '2025-01-01', timestamp '2026-12-31', interval '1 day') as days (day);
create table staging.stg_jira__sprints (
    sprint_id uuid, state text, starts_at timestamptz, ends_at timestamptz, closed_at timestamptz, is_deleted boolean
);
create table events.sprint_snapshots (
    sprint_id uuid, delivery_stream_id uuid, snapshot_date date, event_timestamp timestamptz, remaining_count integer,
    is_final boolean
);
create table cycles.work_item_cycles (ticket_id text, delivery_stream_id uuid, completed_at timestamptz);
create table metrics.weekly_throughput (
    stream_type text, stream_id uuid, week_start date, completed_count integer
);
create table metrics.wip_by_stage (
    stream_type text, stream_id uuid, pipeline_stage text, item_count bigint, as_of timestamptz
);
"""


@pytest.fixture(scope="module")
def marts(server: Settings) -> Iterator[Engine]:
    """A database with the tables that the confidence reads. Thursday, 5 March 2026 is a holiday in it."""
    engine = make_engine(database_url(make_database(server, "dpp_confidence")))
    with engine.begin() as connection:
        for schema in ("staging", "events", "cycles", "metrics"):
            connection.execute(text(f"create schema if not exists {schema}"))
        connection.execute(text(MARTS))
    yield engine
    engine.dispose()


@pytest.fixture
def connection(marts: Engine) -> Iterator[Connection]:
    """A transaction that is undone after the test."""
    with marts.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def sprint(
    connection: Connection,
    starts: datetime,
    ends: datetime | None,
    *,
    remaining: int = 0,
    closed: datetime | None = None,
    stream_id: UUID | None = PAYMENTS,
) -> UUID:
    """A sprint with its latest snapshot; open unless closed."""
    sprint_id = uuid4()
    moment = closed or AS_OF
    connection.execute(
        text("insert into staging.stg_jira__sprints values (:id, :state, :starts, :ends, :closed, false)"),
        {
            "id": sprint_id,
            "state": "closed" if closed else "active",
            "starts": starts,
            "ends": ends,
            "closed": closed,
        },
    )
    for days_before, left in ((1, remaining + 5), (0, remaining)):
        at = moment - timedelta(days=days_before)
        connection.execute(
            text("insert into events.sprint_snapshots values (:id, :stream, :day, :at, :left, :final)"),
            {
                "id": sprint_id,
                "stream": stream_id,
                "day": at.date(),
                "at": at,
                "left": left,
                "final": bool(closed) and not days_before,
            },
        )
    return sprint_id


def past_sprints(connection: Connection, count: int = 1) -> None:
    """Closed sprints of a week, Monday to Friday evening, the last one in the week of 16 February."""
    for age in range(count):
        monday = datetime(2026, 2, 16, 9, tzinfo=UTC) - timedelta(weeks=age)
        sprint(connection, monday, monday + timedelta(days=4, hours=9), closed=monday + timedelta(days=4, hours=9))


def complete(connection: Connection, *days: date) -> None:
    """An item of the stream done at noon of each day."""
    for number, day in enumerate(days):
        connection.execute(
            text("insert into cycles.work_item_cycles values (:key, :stream, :at)"),
            {"key": f"PAY-{number}", "stream": PAYMENTS, "at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC)},
        )


def rows(connection: Connection) -> list[dict[str, object]]:
    query = "select * from forecast.sprint_confidence order by computed_at"
    return [dict(row) for row in connection.execute(text(query)).mappings()]


def feb(day: int) -> date:
    return date(2026, 2, day)


def mar(day: int, hour: int = 17) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_the_latest_snapshot_is_drawn_against_the_working_days_that_are_left(
    connection: Connection, database: Settings
) -> None:
    past_sprints(connection)
    complete(connection, feb(16), feb(16), feb(17), feb(19), feb(19), feb(19))
    sprint_id = sprint(connection, mar(2, 9), mar(10), remaining=4)
    assert write_confidences(connection, database) == 1
    [row] = rows(connection)
    assert (row["sprint_id"], row["delivery_stream_id"], row["remaining_count"]) == (sprint_id, PAYMENTS, 4)
    # Today, Friday, Monday and Tuesday: Thursday is a holiday.
    assert (row["working_days_left"], row["computed_on"], row["computed_at"]) == (4, date(2026, 3, 4), AS_OF)
    # Monday to Friday of the week of 16 February; Wednesday and Friday without a completion.
    assert (row["sampled_days"], row["simulation_runs"], row["error_state"]) == (5, 1_000, "success")
    assert float(str(row["exact_confidence_pct"])) == pytest.approx(100 * chance((2, 1, 0, 3, 0), 4, 4))
    assert float(str(row["confidence_pct"])) == pytest.approx(100 * chance((2, 1, 0, 3, 0), 4, 4), abs=8)


@pytest.mark.parametrize(
    ("ends", "days"),
    [
        (mar(4), 1),
        (mar(6, 12), 2),
        (mar(6, 10), 1),  # handed over in the morning: Friday is no working day of it, Thursday a holiday
        (mar(9, 0), 2),
        (mar(3), 0),
        (mar(4, 11), 0),
    ],
)
def test_today_counts_and_a_last_morning_does_not(
    connection: Connection, database: Settings, ends: datetime, days: int
) -> None:
    sprint(connection, mar(2, 9), ends, remaining=3)
    write_confidences(connection, database)
    assert [row["working_days_left"] for row in rows(connection)] == [days]


def test_days_are_those_of_the_organisations_time_zone(connection: Connection, database: Settings) -> None:
    # Three in the morning of Monday in London, noon in Tokyo.
    sprint(connection, mar(2, 9), mar(9, 3), remaining=3)
    write_confidences(connection, database.model_copy(update={"timezone": "Europe/London"}))
    assert [row["working_days_left"] for row in rows(connection)] == [2]
    write_confidences(connection, database.model_copy(update={"timezone": "Asia/Tokyo"}))
    assert [row["working_days_left"] for row in rows(connection)] == [3]


def test_the_history_is_the_working_days_of_the_last_six_closed_sprints(
    connection: Connection, database: Settings
) -> None:
    past_sprints(connection, count=8)
    # A sprint beside the last one: the days that they share are days once.
    sprint(connection, datetime(2026, 2, 18, 9, tzinfo=UTC), None, closed=datetime(2026, 2, 20, 9, tzinfo=UTC))
    sprint(connection, mar(2, 9), mar(10), remaining=4)
    complete(connection, feb(21), feb(14))
    write_confidences(connection, database)
    [row] = rows(connection)
    # Two sprints share a week, so six sprints are five weeks; what was completed at weekends is in none of their days.
    assert (row["sampled_days"], row["exact_confidence_pct"]) == (25, 0)


def test_without_a_closed_sprint_there_is_no_confidence_and_the_reason(
    connection: Connection, database: Settings
) -> None:
    other = UUID(int=8)
    sprint(connection, feb_start := datetime(2026, 2, 2, 9, tzinfo=UTC), None, closed=mar(1), stream_id=other)
    complete(connection, feb(16), feb(17))
    sprint(connection, feb_start, mar(10), remaining=4)
    write_confidences(connection, database)
    [row] = rows(connection)
    assert (row["confidence_pct"], row["exact_confidence_pct"], row["error_state"]) == (None, None, "no_data")
    assert "No finished sprint" in str(row["note"])


def test_a_sprint_without_a_planned_end_has_no_confidence_until_nothing_is_left(
    connection: Connection, database: Settings
) -> None:
    past_sprints(connection)
    sprint(connection, mar(2, 9), None, remaining=4)
    write_confidences(connection, database)
    [row] = rows(connection)
    assert (row["confidence_pct"], row["working_days_left"], row["error_state"]) == (None, None, "no_data")
    assert "no planned end" in str(row["note"])
    connection.execute(text("update events.sprint_snapshots set remaining_count = 0 where not is_final"))
    write_confidences(connection, database)
    assert [row["confidence_pct"] for row in rows(connection)] == [100]


def test_computing_an_instant_again_replaces_its_rows_with_the_same_ones(
    connection: Connection, database: Settings
) -> None:
    past_sprints(connection)
    complete(connection, feb(16), feb(17), feb(19))
    sprint(connection, mar(2, 9), mar(10), remaining=3)
    write_confidences(connection, database)
    first = rows(connection)
    write_confidences(connection, database)
    assert rows(connection) == first


def test_sprints_that_are_over_or_of_no_stream_are_left_out(connection: Connection, database: Settings) -> None:
    past_sprints(connection)
    sprint(connection, mar(2, 9), mar(10), remaining=4, stream_id=None)
    assert write_confidences(connection, database) == 0


def test_after_a_month_a_days_last_row_is_kept_and_after_three_years_none(connection: Connection) -> None:
    sprint_id = uuid4()
    kept = [mar(4, 9), mar(4, 11), datetime(2025, 12, 1, 15, tzinfo=UTC), datetime(2025, 12, 2, 9, tzinfo=UTC)]
    gone = [datetime(2025, 12, 1, 9, tzinfo=UTC), datetime(2025, 12, 1, 13, tzinfo=UTC)]
    for moment in (*kept, *gone, datetime(2022, 12, 1, 9, tzinfo=UTC)):
        connection.execute(
            text(
                "insert into forecast.sprint_confidence (sprint_id, delivery_stream_id, computed_at, computed_on,"
                " remaining_count, sampled_days, simulation_runs, error_state)"
                " values (:sprint, :stream, :at, :day, 1, 1, 1, 'success')"
            ),
            {"sprint": sprint_id, "stream": PAYMENTS, "at": moment, "day": moment.date()},
        )
    assert prune(connection) == 3
    assert [row["computed_at"] for row in rows(connection)] == sorted(kept)
    assert prune(connection) == 0


def test_a_back_test_has_a_row_for_each_percentile_and_is_replaced_by_the_next_one_of_its_day(
    connection: Connection, database: Settings
) -> None:
    connection.execute(
        text(
            "insert into config.delivery_streams (stream_id, name, display_name) values (:id, 'payments', 'Payments')"
        ),
        {"id": PAYMENTS},
    )
    for age in range(60):
        connection.execute(
            text("insert into metrics.weekly_throughput values ('delivery', :id, :week, :count)"),
            {"id": PAYMENTS, "week": date(2026, 2, 23) - timedelta(weeks=age), "count": 40 if age == 3 else 5},
        )
    connection.execute(
        text("insert into metrics.wip_by_stage values ('delivery', :id, 'dev', 3, :as_of)"),
        {"id": PAYMENTS, "as_of": AS_OF},
    )
    assert write_calibrations(connection, database) == write_calibrations(connection, database) == 4
    query = "select * from forecast.forecast_calibrations order by percentile"
    found = connection.execute(text(query)).mappings().all()
    assert [(row["percentile"], row["scope_weeks"], row["is_stable"]) for row in found] == [
        (percentile, 8, False) for percentile in (50, 70, 85, 95)
    ]
    planned = found[2]
    assert planned["forecast_date"] == date(2026, 3, 4)
    assert planned["hit_rate_pct"] == pytest.approx(100 * planned["hit_count"] / planned["forecast_count"])
    assert "40 items were completed 4 weeks ago" in planned["note"]
