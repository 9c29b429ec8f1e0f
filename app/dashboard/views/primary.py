"""The primary view (specification 004 §7.1.1): health bar, real-time signals, trends, forecast.

In: the reader's filters. Out: the page. Each part says its answer first, then draws the reason, and keeps
the rows behind it one click away.
"""

from __future__ import annotations

from datetime import date, datetime

import streamlit as st

from app.dashboard import charts, data, markup, wording
from app.dashboard.charts import Spec
from app.dashboard.connection import connected
from app.dashboard.filters import FORECAST, REAL_TIME, TRENDS, Filters
from app.dashboard.rows import Columns, rows_behind
from app.dashboard.views.what_if import show_what_if
from app.queries.values import (
    DEFAULT_WINDOW,
    CycleTimes,
    Forecast,
    MetricValue,
    Selection,
    Series,
    Trends,
    WorkInProgress,
)
from core import clock

# Cycle time belongs to the real-time zone, which the time range does not move (004 §7.2).
REAL_TIME_CARDS = ("cycle_time_p85",)
FLOW_CARDS = ("flow_efficiency", "throughput")
DORA_CARDS = ("deployment_frequency", "lead_time_p50", "change_failure_rate", "ttr_median")
# Title, and the series drawn together with the names that tell them apart.
TREND_CHARTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("Deployment frequency", {"deployment_frequency": "Deployments"}),
    ("Lead time for changes", {"lead_time_p50": "Median", "lead_time_p85": "p85"}),
    ("Change failure rate", {"change_failure_rate": "Change failure rate"}),
    ("Time to restore (median)", {"ttr_median": "Median"}),
)


def show(filters: Filters) -> None:
    """Draw the whole page."""
    built = data.data_as_of()
    timezone = connected().settings.timezone
    title = wording.heading(filters.flow, filters.dora)
    whose = wording.two_streams(filters.flow, filters.dora) if filters.is_mixed else ""
    st.html(markup.masthead(title, filters.window_days, built, clock.now(), timezone, whose))
    state = data.build_state()
    if not state.is_success:
        st.html(markup.empty(state))
        return
    wip = data.work_in_progress(filters.flow, built)
    _show_answer(wip)
    st.html(markup.health_bar(_cards(filters, wip, built)))
    if REAL_TIME in filters.zones:
        _show_real_time(filters, wip, built)
    if TRENDS in filters.zones:
        _show_trends(filters, built)
    if FORECAST in filters.zones:
        _show_forecast(filters, built)


def _show_answer(wip: WorkInProgress) -> None:
    if not wip.state.is_success:
        return
    if wip.bottleneck is None:
        st.html(markup.answer("No stage stands out as a bottleneck.", wording.work_in_progress(wip)))
        return
    first = f"{wording.stage_name(wip.bottleneck.stage)} is the bottleneck: {wording.bottleneck(wip.bottleneck)}"
    st.html(markup.answer(first, wording.work_in_progress(wip)))


def _cards(filters: Filters, wip: WorkInProgress, built: datetime | None) -> list[str]:
    real_time = data.metrics(filters.flow, DEFAULT_WINDOW, built)
    flow = data.metrics(filters.flow, filters.window_days, built)
    dora = data.metrics(filters.dora, filters.window_days, built)
    return [
        markup.wip_card(wip),
        *_metric_cards(REAL_TIME_CARDS, real_time, filters.flow, filters, DEFAULT_WINDOW, built),
        *_metric_cards(FLOW_CARDS, flow, filters.flow, filters, filters.window_days, built),
        *_metric_cards(DORA_CARDS, dora, filters.dora, filters, filters.window_days, built),
    ]


def _metric_cards(
    names: tuple[str, ...],
    values: dict[str, MetricValue],
    selection: Selection,
    filters: Filters,
    window_days: int,
    built: datetime | None,
) -> list[str]:
    definitions = data.catalogue(built)
    whose = selection.display_name if filters.is_mixed else ""
    return [
        markup.metric_card(values.get(name) or _unknown(name, window_days), definitions.get(name), whose)
        for name in names
    ]


def _unknown(name: str, window_days: int) -> MetricValue:
    """A metric that the marts have no row for: a stream too new to be in them."""
    message = "The marts hold nothing for this stream yet."
    return MetricValue(
        metric_name=name,
        percentile=None,
        window_days=window_days,
        value=None,
        unit="",
        performance_tier=None,
        tier_colour=None,
        tier_edition=None,
        window_start=None,
        window_end=None,
        error_state="no_data",
        error_message=message,
        sample_size=0,
        excluded_count=0,
        previous_value=None,
        trend_direction=None,
        trend_percentage=None,
        is_low_confidence=False,
        confidence_reason=None,
    )


def _show_real_time(filters: Filters, wip: WorkInProgress, built: datetime | None) -> None:
    st.html(markup.zone("Real-time", "Where work is now, and how long finished work took."))
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True, height="stretch"):
        st.html(markup.finding("Work in progress by stage", wording.oldest_item(wip)))
        if wip.state.is_success:
            _chart("wip", charts.wip_by_stage(wip), "Items in each pipeline stage, worked on and waiting")
            rows_behind("wip", "work_in_progress.csv", lambda: _wip_columns(wip))
        else:
            st.html(markup.empty(wip.state))
    times = data.cycle_times(filters.flow, built)
    with right, st.container(border=True, height="stretch"):
        title = f"Cycle time of the {wording.window_name(times.window_days)}"
        st.html(markup.finding(title, wording.cycle_times(times)))
        if times.state.is_success:
            _chart(
                "cycle_time",
                charts.cycle_time_scatter(times, connected().settings.timezone),
                "Completed items by day and cycle time",
            )
            rows_behind("cycle_time", "cycle_times.csv", lambda: _cycle_time_columns(times))
        else:
            st.html(markup.empty(times.state))


def _show_trends(filters: Filters, built: datetime | None) -> None:
    found = data.trend_series(filters.dora, filters.window_days, built)
    st.html(
        markup.zone("Trends", f"Each point is the {filters.window_days} days that end on its day. A gap is no data.")
    )
    if not found.state.is_success:
        st.html(markup.empty(found.state))
        return
    for start in range(0, len(TREND_CHARTS), 2):
        columns = st.columns(2, gap="small")
        for column, (title, names) in zip(columns, TREND_CHARTS[start : start + 2], strict=False):
            with column, st.container(border=True, height="stretch"):
                _show_trend(title, names, found)


def _show_trend(title: str, names: dict[str, str], found: Trends) -> None:
    drawn = [one for one in found.series if one.metric_name in names and one.has_values]
    if not drawn:
        st.html(markup.finding(title, "No data in this period."))
        return
    st.html(markup.finding(title, wording.series(drawn[0], found.window_days)))
    spec = charts.trend_lines(drawn, [names[one.metric_name] for one in drawn])
    _chart(drawn[0].metric_name, spec, f"{title} by day")
    rows_behind(drawn[0].metric_name, f"{drawn[0].metric_name}.csv", lambda: _series_columns(drawn))


def _show_forecast(filters: Filters, built: datetime | None) -> None:
    st.html(markup.zone("Forecast", "When what is left will be done, from the throughput of the last twelve weeks."))
    found = data.forecasts(filters.flow, built)
    if not found.state.is_success:
        st.html(markup.empty(found.state))
        return
    with st.container(border=True):
        if len(found.forecasts) == 1:
            _show_one_forecast(found.forecasts[0])
        else:
            _show_all_forecasts(found.forecasts)
        show_what_if(filters.flow, built)
        rows_behind("forecast", "forecast.csv", lambda: _forecast_columns(found.forecasts))


def _show_one_forecast(one: Forecast) -> None:
    sentence = wording.forecast(one)
    st.html(markup.finding(one.stream_name, sentence, one.method == "linear"))
    if one.note and one.note != sentence:
        st.caption(wording.forecast_note(one.note))
    if one.method != "monte_carlo":
        return
    st.html(markup.forecast_dates(one))
    record = wording.track_record(one)
    if record:
        st.caption(record)
    if one.histogram:
        _chart("forecast", charts.forecast_histogram(one), "Probability that the last item is done in each week")
        st.caption(wording.forecast_basis(one))


def _show_all_forecasts(forecasts: tuple[Forecast, ...]) -> None:
    st.html(
        markup.finding("All delivery streams", "From an even chance to 95 %; the dot is the day to plan with, 85 %.")
    )
    if any(one.method == "monte_carlo" for one in forecasts):
        _chart("forecast", charts.forecast_ranges(forecasts), "Range of completion dates of each delivery stream")
    st.html(markup.forecast_table(forecasts))


def _chart(key: str, spec: Spec, alt: str) -> None:
    st.vega_lite_chart(spec, key=f"chart_{key}", alt=alt)


def _wip_columns(wip: WorkInProgress) -> Columns:
    return {
        "stage": [wording.stage_name(stage.stage) for stage in wip.stages],
        "being worked on": [stage.active_count for stage in wip.stages],
        "waiting": [stage.waiting_count for stage in wip.stages],
        "blocked": [stage.blocked_count for stage in wip.stages],
        "average age, business days": [stage.average_age_days for stage in wip.stages],
        "oldest, business days": [stage.oldest_age_days for stage in wip.stages],
    }


def _cycle_time_columns(times: CycleTimes) -> Columns:
    items = sorted(times.items, key=lambda item: item.cycle_time_days, reverse=True)
    return {
        "ticket": [item.ticket_id for item in items],
        "cycle time, business days": [item.cycle_time_days for item in items],
        "type": [item.ticket_type for item in items],
        "completed at": [item.completed_at.isoformat(timespec="seconds") for item in items],
        "flow efficiency, %": [item.flow_efficiency_pct for item in items],
    }


def _series_columns(drawn: list[Series]) -> Columns:
    return {
        "metric": [one.metric_name for one in drawn for _ in one.dates],
        "day": [day.isoformat() for one in drawn for day in one.dates],
        "value": [value for one in drawn for value in one.values],
        "unit": [one.unit for one in drawn for _ in one.dates],
        "sample size": [size for one in drawn for size in one.sample_sizes],
    }


def _forecast_columns(forecasts: tuple[Forecast, ...]) -> Columns:
    return {
        "delivery stream": [one.stream_name for one in forecasts],
        "forecast date": [one.forecast_date.isoformat() for one in forecasts],
        "method": [one.method for one in forecasts],
        "items left": [one.scope_item_count for one in forecasts],
        "p50": [_iso(one.p50) for one in forecasts],
        "p70": [_iso(one.p70) for one in forecasts],
        "p85": [_iso(one.p85) for one in forecasts],
        "p95": [_iso(one.p95) for one in forecasts],
        "past p85 dates that held, %": [_held(one) for one in forecasts],
        "note": [one.note for one in forecasts],
    }


def _held(one: Forecast) -> float | None:
    rate = one.track_record.of(wording.PLANNING_PERCENTILE) if one.track_record else None
    return rate.hit_rate_pct if rate else None


def _iso(value: date | None) -> str | None:
    return value.isoformat() if value else None
