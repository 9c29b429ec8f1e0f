"""From Jira's deliveries to the numbers: a story small enough to be worked out by hand.

January 2026; Mondays are the 5th, 12th, 19th and 26th, and the marts are built as of Sunday, 1 February.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError

from app.queries.current import metrics_between
from app.queries.values import ALL_STREAMS_ID, Selection
from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import CONFIGURATION, Delivery, Ticket, land
from tests.dbt.metric_changes import STREAMS, Changes
from tests.marts import build_marts, marts_database

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
TABLES = (
    "metrics.metric_observations",
    "metrics.metric_observation_days",
    "metrics.daily_stream_metrics",
    "metrics.weekly_throughput",
    "metrics.wip_by_stage",
    "metrics.current_metrics",
    "quality.quality_rates",
    "quality.triage",
)


def january(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def story() -> list[Delivery]:
    quick = Ticket("PAY-1", january(5))
    waited = Ticket("PAY-2", january(5), tech=("core-api", "auth"))
    never_started = Ticket("PAY-3", january(6))
    blocked = Ticket("PAY-4", january(26))
    untagged = Ticket("IDN-5", january(27), stream=None, tech=())
    told = [
        quick.made(),
        quick.moved(january(6), "In Progress"),
        quick.moved(january(8), "Done", "Fixed"),
        waited.made(),
        waited.moved(january(6), "In Progress"),
        waited.moved(january(7), "Ready for QA"),
        waited.moved(january(9), "In QA"),
        waited.moved(january(12), "Done", "Fixed"),
        never_started.made(),
        never_started.moved(january(7), "Done", "Fixed"),
        blocked.made(),
        blocked.moved(january(28, 0), "In Progress"),
        blocked.flagged(january(29), "Impediment"),
        untagged.made(),
        untagged.moved(january(28), "Waiting for the moon"),
    ]
    return sorted(told, key=lambda delivery: delivery.received_at)


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture(scope="module")
def company(settings: Settings) -> Iterator[Engine]:
    """The marts of the story, built twice: when half of it had arrived, late part first, and at the end."""
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
    build_marts(settings, AS_OF, command="seed")
    deliveries = story()
    land(engine, deliveries[7:])
    build(settings, full_refresh=True)
    land(engine, deliveries[:7])
    build(settings)
    yield engine
    engine.dispose()


def build(settings: Settings, *, full_refresh: bool = False) -> None:
    build_marts(settings, AS_OF, full_refresh=full_refresh, select=("+metrics", "+quality"), command="run")


def found(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def newest(engine: Engine, metric: str, stream: str = "all", days: int = 30) -> tuple[Any, ...]:
    """Value, number of values and number left out of a metric on the last day."""
    (row,) = found(
        engine,
        f"""
        select round(metric_value, 4), sample_size, excluded_count
        from metrics.current_metrics
        inner join metrics.stream_list using (stream_type, stream_id)
        where metric_name = '{metric}' and name = '{stream}' and window_name = '{days}d'
        """,
    )
    return row


def test_cycle_time_is_of_those_that_were_worked_on(company: Engine) -> None:
    """PAY-1 took 2 days, PAY-2 took 1 in development, 2 in the queue and 1 in QA; PAY-3 was never started."""
    assert newest(company, "cycle_time_p50") == (Decimal(3), 2, 1)
    assert newest(company, "cycle_time_p85") == (Decimal("3.7"), 2, 1)
    assert newest(company, "cycle_time_p50", "auth") == (Decimal(4), 1, 0)
    assert newest(company, "cycle_time_p50", "identity") == (None, 0, 0)


def test_flow_efficiency_is_the_mean_of_the_items(company: Engine) -> None:
    assert newest(company, "flow_efficiency") == (Decimal(75), 2, 1)


def test_throughput_counts_every_completion_in_its_window(company: Engine) -> None:
    assert newest(company, "throughput") == (Decimal(3), 3, 0)
    assert newest(company, "throughput", days=7) == (Decimal(0), 0, 0)


def test_what_never_happened_has_no_value(company: Engine) -> None:
    for metric in ("deployment_frequency", "change_failure_rate", "ttr_median", "lead_time_p50"):
        assert newest(company, metric) == (None, 0, 0)


def test_weeks_run_from_the_first_completion_to_the_last_whole_week(company: Engine) -> None:
    query = """
        select week_start, completed_count from metrics.weekly_throughput
        where stream_type = 'all' order by week_start
    """
    weeks = found(company, query)
    assert weeks == [(date(2026, 1, 5), 2), (date(2026, 1, 12), 1), (date(2026, 1, 19), 0)]


def test_work_in_progress_is_what_was_begun_and_is_mapped(company: Engine) -> None:
    standing = found(
        company,
        """
        select pipeline_stage, is_active_work, item_count, blocked_count
        from metrics.wip_by_stage where stream_type = 'all'
        """,
    )
    assert standing == [("dev", True, 1, 1)]


def test_a_weak_input_lowers_the_confidence_of_what_stands_on_it(company: Engine) -> None:
    """Four of five tickets have a delivery stream: 80 percent, and 95 are wanted."""
    (row,) = found(
        company,
        """
        select error_state, is_low_confidence, confidence_reason from metrics.current_metrics
        where stream_type = 'all' and metric_name = 'cycle_time_p50' and window_name = '30d'
        """,
    )
    assert row[:2] == ("success", True)
    assert "80 %" in row[2]


def test_the_triage_list_names_what_to_mend(company: Engine) -> None:
    listed = found(company, "select kind, reference, occurrences from quality.triage order by kind, reference")
    assert listed == [("unmapped_status", "IDN: Waiting for the moon", 1), ("untagged_work_item", "IDN-5", 1)]


def test_what_was_built_in_two_steps_is_what_a_full_rebuild_gives(company: Engine, settings: Settings) -> None:
    def everything() -> dict[str, list[str]]:
        return {
            table: sorted(
                json.dumps(row[0], sort_keys=True) for row in found(company, f"select to_jsonb(t) from {table} t")
            )
            for table in TABLES
        }

    in_two_steps = everything()
    assert all(in_two_steps[table] for table in TABLES)
    build(settings, full_refresh=True)
    assert in_two_steps == everything()


def test_every_metric_of_the_catalogue_has_its_mart(company: Engine) -> None:
    marts = found(company, "select distinct mart, to_regclass(mart) is not null from metrics.metric_catalogue")
    assert ("metrics.daily_stream_metrics", True) in marts
    assert [mart for mart, is_there in marts if not is_there] == []


METRIC_MODELS = ("stream_list", "metric_observations", "metric_observation_days", "daily_stream_metrics")
CYCLES = ("work_item_cycles", "pr_cycles", "deployment_records", "deployment_changes", "incident_records")


@pytest.fixture(scope="module")
def rewritten(company: Engine, settings: Settings) -> Engine:
    """Another company in the same database, whose past is rewritten at random between builds; the last built twice.

    Runs after the story's tests, whose marts it replaces.
    """
    chance = Random(20260201)
    now = datetime(2026, 6, 1, 15, tzinfo=UTC)
    with company.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(f"truncate {', '.join(f'cycles.{name}' for name in CYCLES)}, events.pull_requests"))
        connection.execute(text(STREAMS))
    for days in (0, 0, 1, 3, 0):
        now += timedelta(days=days)
        with company.begin() as connection:
            Changes(connection, chance, now).some()
        build_marts(settings, now, select=METRIC_MODELS, command="run")
    before = written(company)
    build_marts(settings, now + timedelta(minutes=5), select=METRIC_MODELS, command="run")
    assert written(company) == before, "a build without news wrote something"
    return company


def written(engine: Engine) -> list[tuple[Any, ...]]:
    """Where each row lies and which transaction wrote it: the same as long as nothing was rewritten."""
    return [
        row
        for name in METRIC_MODELS[1:]
        for row in found(engine, f"select cast(ctid as text), cast(xmin as text) from metrics.{name}")
    ]


def test_a_past_rewritten_at_random_gives_the_numbers_of_a_full_rebuild(rewritten: Engine, settings: Settings) -> None:
    def everything() -> dict[str, list[str]]:
        return {
            name: sorted(
                json.dumps(row[0], sort_keys=True)
                for row in found(rewritten, f"select to_jsonb(t) - 'computed_at' from metrics.{name} as t")
            )
            for name in METRIC_MODELS
        }

    now = datetime(2026, 6, 5, 15, 5, tzinfo=UTC)
    piece_by_piece = everything()
    assert len(piece_by_piece["daily_stream_metrics"]) > 10_000
    [(instants,)] = found(rewritten, "select count(distinct computed_at) from metrics.daily_stream_metrics")
    assert instants > 1, "what did not change keeps the instant at which it was computed"
    build_marts(settings, now, full_refresh=True, select=METRIC_MODELS, command="run")
    rebuilt = everything()
    for name in METRIC_MODELS:
        assert piece_by_piece[name] == rebuilt[name], name


def test_any_window_asked_for_has_the_daily_rows_numbers(rewritten: Engine) -> None:
    """Every metric, stream and kind of window, on forty days: equal to the last digit, and no row on one side alone."""
    differing = found(
        rewritten,
        """
        with daily as (
            select * from metrics.daily_stream_metrics
            where window_name <> 'day' and metric_date between '2026-04-27' and '2026-06-05'
        ),
        windows as (
            select distinct stream_type, stream_id, window_start, metric_date from daily
            where metric_date - window_start < 365
        ),
        asked as (
            select windows.*, answer.*
            from windows
            cross join lateral metrics.stream_metrics_between(stream_type, stream_id, window_start, metric_date)
                as answer
        )
        select *
        from (select distinct stream_type, stream_id, window_start, metric_date, metric_name, segment, percentile,
                metric_value, metric_unit, sample_size, excluded_count from daily) as daily
        full outer join asked on
            daily.stream_id = asked.stream_id and daily.stream_type = asked.stream_type
            and daily.window_start = asked.window_start and daily.metric_date = asked.metric_date
            and daily.metric_name = asked.metric_name and daily.segment is not distinct from asked.segment
        where (daily.metric_value, daily.metric_unit, daily.sample_size, daily.excluded_count, daily.percentile)
            is distinct from
            (asked.metric_value, asked.metric_unit, asked.sample_size, asked.excluded_count, asked.percentile)
            or daily.metric_name is null or asked.metric_name is null
        """,
    )
    assert differing == []
    [(windows, kinds)] = found(
        rewritten,
        "select count(distinct (stream_id, window_name, metric_date)), count(distinct window_name)"
        " from metrics.daily_stream_metrics where window_name <> 'day' and metric_date >= '2026-04-27'",
    )
    assert (windows > 500, kinds) == (True, 4)


def test_a_window_of_more_than_a_year_or_less_than_a_day_is_refused(rewritten: Engine) -> None:
    everything = Selection("all", ALL_STREAMS_ID, None, "All streams")
    with rewritten.connect() as connection:
        assert metrics_between(connection, everything, date(2025, 6, 6), date(2026, 6, 5))
    for first_day, last_day, message in (
        ("2025-06-05", "2026-06-05", "has 366"),
        ("2026-06-05", "2026-06-04", "must end on or after"),
    ):
        with pytest.raises(DataError, match=message):
            found(
                rewritten,
                f"select * from metrics.stream_metrics_between('all', '{ALL_STREAMS_ID}', '{first_day}', '{last_day}')",
            )
