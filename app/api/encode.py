"""How answers look as JSON: the names of specification 000 §2 for metrics, columns for long lists.

In: the typed values of `app.queries`. Out: dictionaries that orjson encodes as they are.
"""

from __future__ import annotations

from typing import Any

from app.queries.values import (
    Bottleneck,
    CatalogueEntry,
    CycleTimes,
    Forecast,
    ForecastWeek,
    MetricValue,
    Selection,
    Series,
    State,
    Stream,
    TrackRecord,
    WipStage,
    WorkInProgress,
)
from app.queries.what_if import Chances, DoneBy, WhatIf


def metric(value: MetricValue, entry: CatalogueEntry | None) -> dict[str, Any]:
    """One metric in the value contract."""
    return {
        "metric_name": value.metric_name,
        "display_name": entry.display_name if entry else value.metric_name,
        "metric_type": value.metric_type,
        "percentile": value.percentile,
        "segment": value.segment,
        "value": value.value,
        "unit": value.unit,
        "performance_tier": value.performance_tier,
        "performance_tier_color": value.tier_colour,
        "tier_edition": value.tier_edition,
        "time_period_start": value.window_start,
        "time_period_end": value.window_end,
        "error_state": value.error_state,
        "error_message": value.error_message,
        "sample_size": value.sample_size,
        "excluded_issue_count": value.excluded_count,
        "total_issue_count": value.total_count,
        "is_low_confidence": value.is_low_confidence,
        "confidence_reason": value.confidence_reason,
        "details": {
            "previous_value": value.previous_value,
            "trend_direction": value.trend_direction,
            "trend_percentage": value.trend_percentage,
        },
    }


def state(value: State) -> dict[str, Any]:
    """Whether there is an answer, and if not, why and what to do."""
    return {"error_state": value.error_state, "message": value.message, "remedy": value.remedy}


def work_in_progress(value: WorkInProgress) -> dict[str, Any]:
    """Work in progress by stage."""
    return {
        "state": state(value.state),
        "total": value.total,
        "backlog_count": value.backlog_count,
        "stages": [_stage(stage) for stage in value.stages],
        "bottleneck": _bottleneck(value.bottleneck) if value.bottleneck else None,
    }


def cycle_times(value: CycleTimes) -> dict[str, Any]:
    """The scatter, as columns: one entry of each list is one completed item."""
    return {
        "state": state(value.state),
        "window_days": value.window_days,
        "time_period_start": value.window_start,
        "time_period_end": value.window_end,
        "p50": value.p50,
        "p85": value.p85,
        "p95": value.p95,
        "excluded_issue_count": value.excluded_count,
        "is_truncated": value.is_truncated,
        "items": {
            "ticket_id": [item.ticket_id for item in value.items],
            "ticket_type": [item.ticket_type for item in value.items],
            "completed_at": [item.completed_at for item in value.items],
            "cycle_time_days": [item.cycle_time_days for item in value.items],
        },
    }


def series(value: Series) -> dict[str, Any]:
    """One time series, as columns."""
    return {
        "metric_name": value.metric_name,
        "percentile": value.percentile,
        "segment": value.segment,
        "unit": value.unit,
        "dates": list(value.dates),
        "values": list(value.values),
        "sample_sizes": list(value.sample_sizes),
    }


def forecast(value: Forecast) -> dict[str, Any]:
    """One forecast; `distribution` has one entry of each list for each week."""
    return {
        "delivery_stream_id": value.delivery_stream_id,
        "stream_name": value.stream_name,
        "forecast_date": value.forecast_date,
        "scope_item_count": value.scope_item_count,
        "throughput_weeks": value.throughput_weeks,
        "simulation_runs": value.simulation_runs,
        "method": value.method,
        "is_low_confidence": value.is_low_confidence,
        "note": value.note,
        "p50_completion_date": value.p50,
        "p70_completion_date": value.p70,
        "p85_completion_date": value.p85,
        "p95_completion_date": value.p95,
        "distribution": _distribution(value.histogram),
        "simulation": {f"p{percentile}_completion_date": day for percentile, day in value.simulated},
        "track_record": _track_record(value.track_record) if value.track_record else None,
        "computed_at": value.computed_at,
    }


def what_if(value: WhatIf) -> dict[str, Any]:
    """The answers to a plan, stream by stream, and all streams together where there are several."""
    return {
        "state": state(value.state),
        "forecast_date": value.forecast_date,
        "streams": [
            {
                "delivery_stream_id": one.delivery_stream_id,
                "stream_name": one.stream_name,
                "scope_item_count": one.scope_item_count,
                "throughput_weeks": one.throughput_weeks,
                "done": _chances(one.done) if one.done else None,
                "done_by": _done_by(one.done_by) if one.done_by else None,
                "note": one.note,
            }
            for one in value.streams
        ],
        "all_done": _chances(value.together) if value.together else None,
        "note": value.note,
    }


def stream(value: Stream) -> dict[str, Any]:
    """One stream of the configuration."""
    common: dict[str, Any] = {
        "stream_id": value.stream_id,
        "name": value.name,
        "display_name": value.display_name,
        "description": value.description,
        "is_active": value.is_active,
    }
    if value.stream_type == "delivery":
        return common | {"team_size": value.team_size}
    return common | {"github_org": value.github_org}


def about(selection: Selection) -> dict[str, Any]:
    """The part of `meta` that names the stream."""
    return {
        "stream_type": selection.stream_type,
        "stream_id": selection.stream_id,
        "stream_name": selection.display_name,
    }


def _distribution(weeks: tuple[ForecastWeek, ...]) -> dict[str, Any]:
    return {
        "week_ends_on": [week.ends_on for week in weeks],
        "share": [week.share for week in weeks],
        "done_by_then": [week.done_by_then for week in weeks],
    }


def _chances(value: Chances) -> dict[str, Any]:
    return {
        "p50_completion_date": value.p50,
        "p70_completion_date": value.p70,
        "p85_completion_date": value.p85,
        "p95_completion_date": value.p95,
        "distribution": _distribution(value.histogram),
    }


def _done_by(value: DoneBy) -> dict[str, Any]:
    return {
        "day": value.day,
        "weeks": value.weeks,
        "p50_item_count": value.p50,
        "p70_item_count": value.p70,
        "p85_item_count": value.p85,
        "p95_item_count": value.p95,
    }


def _track_record(value: TrackRecord) -> dict[str, Any]:
    return {
        "scope_weeks": value.scope_weeks,
        "is_stable": value.is_stable,
        "note": value.note,
        "hit_rates": [
            {
                "percentile": rate.percentile,
                "forecast_count": rate.forecast_count,
                "hit_count": rate.hit_count,
                "hit_rate_pct": rate.hit_rate_pct,
                "expected_rate_pct": rate.expected_rate_pct,
            }
            for rate in value.hit_rates
        ],
    }


def _stage(value: WipStage) -> dict[str, Any]:
    return {
        "stage": value.stage,
        "item_count": value.item_count,
        "active_count": value.active_count,
        "waiting_count": value.waiting_count,
        "blocked_count": value.blocked_count,
        "average_age_days": value.average_age_days,
        "oldest_age_days": value.oldest_age_days,
    }


def _bottleneck(value: Bottleneck) -> dict[str, Any]:
    return {
        "stage": value.stage,
        "waiting_count": value.waiting_count,
        "item_count": value.item_count,
        "share_of_waiting": value.share_of_waiting,
        "oldest_age_days": value.oldest_age_days,
    }
