"""The marts that the application reads, made by hand: the contract's columns, and rows that a test can count.

In: a connection. Out: tables in `cycles` and `metrics` as dbt would leave them, without dbt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from app.queries.values import ALL_STREAMS_ID

AS_OF = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TODAY = AS_OF.date()

_TABLES = """
create schema if not exists cycles;
create schema if not exists metrics;
create table cycles.work_items (
    ticket_id text, jira_project_key text, delivery_stream_id uuid, tech_stream_ids uuid[], ticket_type text,
    story_points numeric, sprint_id uuid, created_at timestamptz, current_stage text, is_active_work boolean,
    entered_stage_at timestamptz, is_blocked boolean, is_done boolean, is_cancelled boolean,
    is_deleted boolean not null default false, last_event_at timestamptz
);
create table cycles.work_item_cycles (
    cycle_id uuid default gen_random_uuid(), ticket_id text, jira_project_key text, delivery_stream_id uuid,
    tech_stream_ids uuid[], ticket_type text, story_points numeric, created_at timestamptz,
    first_in_progress timestamptz, completed_at timestamptz, lead_time_days numeric, cycle_time_days numeric,
    active_time_days numeric, wait_time_days numeric, flow_efficiency_pct numeric, stage_durations jsonb,
    sprint_id uuid, is_reopened boolean, blocked_days numeric
);
create table cycles.deployment_records (
    record_id uuid default gen_random_uuid(), deployment_id text, tech_stream_id uuid, delivery_stream_id uuid,
    repo_id uuid, repo_full_name text, environment text, deployed_at timestamptz, status text
);
create table metrics.wip_by_stage (
    stream_type text, stream_id uuid, pipeline_stage text, is_active_work boolean, item_count integer,
    blocked_count integer, average_age_days numeric, oldest_age_days numeric, as_of timestamptz
);
create table metrics.weekly_throughput (
    stream_type text, stream_id uuid, week_start date, completed_count integer
);
create table metrics.daily_stream_metrics (
    metric_id uuid default gen_random_uuid(), metric_date date, stream_type text, stream_id uuid, metric_name text,
    window_name text, window_days integer, window_start date, percentile integer, segment text,
    metric_value numeric, metric_unit text, sample_size integer,
    excluded_count integer, computed_at timestamptz
);
create table metrics.metric_catalogue (
    metric_name text, display_name text, formula text, unit text, zone text, framework text, refresh text,
    question text, behavioural_intent text, direction text, target numeric,
    mart text, confidence_rates text
);
create table metrics.current_metrics (
    stream_type text, stream_id uuid, metric_name text, window_name text, window_days integer, segment text,
    metric_value numeric, metric_unit text, percentile integer, sample_size integer, excluded_count integer,
    performance_tier text, tier_colour text,
    tier_edition text, window_start timestamptz, window_end timestamptz, error_state text, error_message text,
    previous_value numeric, trend_direction text, trend_percentage numeric, is_low_confidence boolean,
    confidence_reason text
);
"""


def drop_marts(connection: Connection) -> None:
    """A database before its first build."""
    connection.execute(text("drop schema if exists cycles cascade"))
    connection.execute(text("drop schema if exists metrics cascade"))


def create_marts(connection: Connection) -> None:
    """The marts, empty."""
    drop_marts(connection)
    connection.execute(text(_TABLES))


def insert_rows(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of equal keys into a mart."""
    if not rows:
        return
    columns = list(rows[0])
    values = ", ".join(f":{column}" for column in columns)
    connection.execute(
        text(f"insert into {table} ({', '.join(columns)}) values ({values})"), [dict(row) for row in rows]
    )


def add_delivery_stream(connection: Connection, name: str, display_name: str) -> UUID:
    """A delivery stream of the configuration."""
    statement = "insert into config.delivery_streams (name, display_name) values (:name, :shown) returning stream_id"
    return connection.execute(text(statement), {"name": name, "shown": display_name}).scalar_one()


def add_tech_stream(connection: Connection, name: str, display_name: str) -> UUID:
    """A technology stream of the configuration."""
    statement = """
        insert into config.tech_streams (name, display_name, github_org, github_install_id)
        values (:name, :shown, :name, '1') returning stream_id
    """
    return connection.execute(text(statement), {"name": name, "shown": display_name}).scalar_one()


def wip(
    stream_type: str, stream_id: UUID, stage: str, active: int, waiting: int, oldest: float = 3
) -> list[dict[str, Any]]:
    """The two rows of a stage."""
    return [
        {
            "stream_type": stream_type,
            "stream_id": stream_id,
            "pipeline_stage": stage,
            "is_active_work": is_active,
            "item_count": count,
            "blocked_count": 0,
            "average_age_days": oldest / 2,
            "oldest_age_days": oldest,
            "as_of": AS_OF,
        }
        for is_active, count in ((True, active), (False, waiting))
        if count
    ]


def current(
    stream_type: str, stream_id: UUID, metric_name: str, value: float | None, unit: str, **changed: Any
) -> dict[str, Any]:
    """One row of the value contract; by default thirty days, a sample of 40, and nothing wrong."""
    window_days = changed.get("window_days", 30)
    row: dict[str, Any] = {
        "stream_type": stream_type,
        "stream_id": stream_id,
        "metric_name": metric_name,
        "window_name": f"{window_days}d",
        "window_days": window_days,
        "segment": None,
        "metric_value": value,
        "metric_unit": unit,
        "percentile": percentile_of(metric_name),
        "sample_size": 40,
        "excluded_count": 0,
        "performance_tier": None,
        "tier_colour": None,
        "tier_edition": None,
        "window_start": datetime.combine(TODAY - timedelta(days=window_days - 1), datetime.min.time(), UTC),
        "window_end": AS_OF,
        "error_state": "success" if value is not None else "no_data",
        "error_message": None,
        "previous_value": None,
        "trend_direction": None,
        "trend_percentage": None,
        "is_low_confidence": False,
        "confidence_reason": None,
    }
    return row | changed


def daily(
    stream_type: str,
    stream_id: UUID,
    metric_name: str,
    day: date,
    value: float | None,
    unit: str,
    window_days: int = 30,
    sample_size: int = 10,
) -> dict[str, Any]:
    """One row of the daily series."""
    return {
        "metric_date": day,
        "stream_type": stream_type,
        "stream_id": stream_id,
        "metric_name": metric_name,
        "window_name": f"{window_days}d",
        "window_days": window_days,
        "window_start": day - timedelta(days=window_days - 1),
        "percentile": percentile_of(metric_name),
        "segment": None,
        "metric_value": value,
        "metric_unit": unit,
        "sample_size": sample_size if value is not None else 0,
        "excluded_count": 0,
        "computed_at": AS_OF,
    }


def finished(
    ticket_id: str,
    completed_at: datetime,
    cycle_time_days: float | None,
    delivery_stream_id: UUID | None = None,
    tech_stream_ids: Sequence[UUID] = (),
) -> dict[str, Any]:
    """One completed work item."""
    return {
        "ticket_id": ticket_id,
        "delivery_stream_id": delivery_stream_id,
        "tech_stream_ids": list(tech_stream_ids),
        "ticket_type": "Story",
        "completed_at": completed_at,
        "cycle_time_days": cycle_time_days,
        "flow_efficiency_pct": 25 if cycle_time_days else None,
    }


def catalogue_entry(
    metric_name: str, display_name: str, unit: str, direction: str = "down", zone: str = "trend"
) -> dict[str, Any]:
    """One definition."""
    return {
        "metric_name": metric_name,
        "display_name": display_name,
        "formula": f"how {display_name.lower()} is computed",
        "unit": unit,
        "zone": zone,
        "framework": "DORA",
        "refresh": "daily",
        "question": f"What is our {display_name.lower()}?",
        "behavioural_intent": "Look where work waits.",
        "direction": direction,
        "target": None,
    }


def percentile_of(metric_name: str) -> int | None:
    """The percentile that a metric's name ends in."""
    ending = metric_name.rpartition("_p")[2]
    return int(ending) if ending.isdigit() else None


def fill_company(connection: Connection, payments: UUID, core_api: UUID) -> None:
    """Numbers that a test can count: Payments has 15 items in progress, of which 8 wait for QA."""
    for stream_type, stream_id in (("all", ALL_STREAMS_ID), ("delivery", payments)):
        rows = [
            *wip(stream_type, stream_id, "backlog", 0, 20),
            *wip(stream_type, stream_id, "dev", 4, 1),
            *wip(stream_type, stream_id, "qa", 2, 8, oldest=12.5),
        ]
        insert_rows(connection, "metrics.wip_by_stage", rows)
    _finish_items(connection, payments, core_api)
    names = ("cycle_time_p50", "cycle_time_p85", "flow_efficiency", "throughput", "deployment_frequency")
    names += ("lead_time_p50", "lead_time_p85", "change_failure_rate", "ttr_median")
    entries = [catalogue_entry(name, name.replace("_", " ").capitalize(), "days") for name in names]
    insert_rows(connection, "metrics.metric_catalogue", entries)
    for stream_type, stream_id in (("all", ALL_STREAMS_ID), ("delivery", payments), ("tech", core_api)):
        for window_days in (7, 30, 90):
            insert_rows(connection, "metrics.current_metrics", _current_rows(stream_type, stream_id, window_days))
            insert_rows(connection, "metrics.daily_stream_metrics", _daily_rows(stream_type, stream_id, window_days))


def _finish_items(connection: Connection, payments: UUID, core_api: UUID) -> None:
    """Ten items of one to ten days in the last 30 days, one without a cycle time, one that is too old."""
    items = [
        finished(f"PAY-{days}", AS_OF - timedelta(days=2 * days), days, payments, [core_api]) for days in range(1, 11)
    ]
    items.append(finished("PAY-11", AS_OF - timedelta(days=3), None, payments))
    items.append(finished("PAY-12", AS_OF - timedelta(days=31), 2, payments))
    insert_rows(connection, "cycles.work_item_cycles", items)
    work_items = [
        {"ticket_id": item["ticket_id"], "delivery_stream_id": payments, "tech_stream_ids": [], "current_stage": "done"}
        for item in items
    ]
    insert_rows(connection, "cycles.work_items", work_items)


def _current_rows(stream_type: str, stream_id: UUID, window_days: int) -> list[dict[str, Any]]:
    window: dict[str, Any] = {"window_days": window_days}
    longer = {"previous_value": 8.0, "trend_direction": "up", "trend_percentage": 8.13, "excluded_count": 1} | window
    high = {"performance_tier": "High", "tier_colour": "yellow", "tier_edition": "DORA 2024"} | window
    doubt = {"is_low_confidence": True, "confidence_reason": "PR ticket linkage is 83 %, below 90 %"} | window
    return [
        current(stream_type, stream_id, "cycle_time_p50", 5.5, "days", **window),
        current(stream_type, stream_id, "cycle_time_p85", 8.65, "days", sample_size=10, **longer),
        current(stream_type, stream_id, "flow_efficiency", 25, "percent", **window),
        current(stream_type, stream_id, "throughput", 11, "count", **window),
        current(stream_type, stream_id, "deployment_frequency", 4.2, "per_week", **high),
        current(stream_type, stream_id, "lead_time_p50", 30.123456789, "hours", **doubt),
        current(stream_type, stream_id, "lead_time_p85", 70, "hours", **window),
        current(stream_type, stream_id, "change_failure_rate", 12.5, "percent", **window),
        current(stream_type, stream_id, "ttr_median", None, "minutes", error_message="No outage ended.", **window),
    ]


def _daily_rows(stream_type: str, stream_id: UUID, window_days: int) -> list[dict[str, Any]]:
    """Forty days that rise by a tenth a day; day ten has no data."""
    rows: list[dict[str, Any]] = []
    for index in range(40):
        day = TODAY - timedelta(days=39 - index)
        frequency = None if index == 10 else 0.3 + index / 10
        rows += [
            daily(stream_type, stream_id, "deployment_frequency", day, frequency, "per_week", window_days),
            daily(stream_type, stream_id, "lead_time_p50", day, 30.0, "hours", window_days),
            daily(stream_type, stream_id, "lead_time_p85", day, 70.0, "hours", window_days),
            daily(stream_type, stream_id, "change_failure_rate", day, 12.5, "percent", window_days),
        ]
    return rows


def add_forecast(
    connection: Connection,
    stream_id: UUID,
    made_on: date,
    p85: date | None,
    *,
    method: str = "monte_carlo",
    note: str | None = None,
) -> None:
    """A forecast as the asset writes it: two weeks of histogram where there is a distribution."""
    histogram = [
        {"week": 1, "week_ends_on": (made_on + timedelta(days=7)).isoformat(), "share": 0.5, "done_by_then": 0.5},
        {"week": 2, "week_ends_on": (made_on + timedelta(days=14)).isoformat(), "share": 0.5, "done_by_then": 1.0},
    ]
    row = {
        "stream_id": stream_id,
        "made_on": made_on,
        "method": method,
        "note": note,
        "p50": made_on + timedelta(days=7) if method != "none" else None,
        "p85": p85,
        "data": json.dumps({"histogram": histogram if method == "monte_carlo" else []}),
    }
    statement = """
        insert into forecast.forecast_snapshots (
            delivery_stream_id, forecast_date, scope_item_count, throughput_samples, simulation_runs, method, note,
            p50_completion_date, p70_completion_date, p85_completion_date, p95_completion_date, distribution_data
        )
        values (
            :stream_id, :made_on, 24, 12, 10000, :method, :note, :p50, :p85, :p85, :p85, cast(:data as jsonb)
        )
    """
    connection.execute(text(statement), row)


def add_calibrations(connection: Connection, stream_id: UUID, made_on: date, *, hit_count: int) -> None:
    """The back-test of a day: forty forecasts for each percentile, of an unsteady pace."""
    statement = """
        insert into forecast.forecast_calibrations (
            delivery_stream_id, forecast_date, percentile, scope_weeks, forecast_count, hit_count, hit_rate_pct,
            expected_rate_pct, is_stable, note
        )
        select :stream_id, :made_on, percentile, 8, 40, :hits, 2.5 * :hits, 91, false, 'The pace is not steady.'
        from unnest(array[50, 70, 85, 95]) as percentiles (percentile)
    """
    connection.execute(text(statement), {"stream_id": stream_id, "made_on": made_on, "hits": hit_count})


def add_weekly_throughput(connection: Connection, stream_id: UUID, weeks: Sequence[int]) -> None:
    """Completions of the last full weeks, the newest last."""
    monday = TODAY - timedelta(days=TODAY.weekday())
    rows = [
        {
            "stream_type": "delivery",
            "stream_id": stream_id,
            "week_start": monday - timedelta(weeks=age),
            "completed_count": count,
        }
        for age, count in enumerate(reversed(weeks), start=1)
    ]
    insert_rows(connection, "metrics.weekly_throughput", rows)
