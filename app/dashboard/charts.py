"""Charts as Vega-Lite dictionaries: what is drawn, never what is computed.

In: the typed values of `app.queries`. Out: specifications for `st.vega_lite_chart`. Categories take their
colours from the theme, so that a chart fits a light and a dark page alike; lines of reference are grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.dashboard.wording import scale, stage_name
from app.queries.values import CycleTimes, Forecast, Series, WorkInProgress

Spec = dict[str, Any]

REFERENCE = "#7d8998"
WORKED_ON, WAITING = "Being worked on", "Waiting"
WITHIN, ABOVE = "Within the p85", "Above the p85"
AXIS = {"grid": False, "domain": False, "ticks": False, "title": None}
VALUE_AXIS = {"gridOpacity": 0.5, "domain": False, "ticks": False, "tickCount": 5}
TIME_AXIS = AXIS | {"labelOverlap": True, "tickCount": 6, "format": "%-d %b", "labelFlush": True}
PADDING = {"left": 2, "right": 4, "top": 6, "bottom": 2}
LEGEND = {"title": None, "orient": "top", "direction": "horizontal", "symbolType": "circle", "offset": 10}
# Weeks in which fewer simulations end than this would only widen the chart.
LEAST_SHARE = 0.0005
# The square root keeps the many quick items apart although a few took ten times as long.
DAYS: Spec = {"field": "days", "type": "quantitative", "scale": {"type": "sqrt", "nice": True}}
UNIT_TITLES = {
    "per_week": "deployments per week",
    "percent": "% of deployments",
    "minutes": "minutes",
    "hours": "hours",
    "days": "days",
}


def wip_by_stage(wip: WorkInProgress) -> Spec:
    """Stacked bars in the order of the pipeline: what is worked on, and what waits."""
    rows = [
        {"stage": stage_name(stage.stage), "kind": kind, "items": count, "oldest_days": stage.oldest_age_days}
        for stage in wip.stages
        for kind, count in ((WORKED_ON, stage.active_count), (WAITING, stage.waiting_count))
    ]
    stage: Spec = {"field": "stage", "type": "nominal", "sort": None, "axis": AXIS | {"labelPadding": 8}}
    bars = {
        "data": {"values": rows},
        "mark": {"type": "bar", "cornerRadius": 3, "height": {"band": 0.62}},
        "encoding": {
            "y": stage,
            "x": {"field": "items", "type": "quantitative", "axis": VALUE_AXIS | {"title": None, "tickMinStep": 1}},
            "color": {"field": "kind", "type": "nominal", "scale": {"domain": [WORKED_ON, WAITING]}, "legend": LEGEND},
            "order": {"field": "kind", "sort": "ascending"},
            "tooltip": [
                {"field": "stage", "title": "Stage"},
                {"field": "kind", "title": "State"},
                {"field": "items", "title": "Items"},
                {"field": "oldest_days", "title": "Oldest, days", "format": ".1f"},
            ],
        },
    }
    totals = {
        "data": {"values": [{"stage": stage_name(one.stage), "items": one.item_count} for one in wip.stages]},
        "mark": {"type": "text", "align": "left", "dx": 6, "color": REFERENCE, "fontWeight": 600},
        "encoding": {"y": stage, "x": {"field": "items", "type": "quantitative"}, "text": {"field": "items"}},
    }
    return {"height": 300, "padding": PADDING, "layer": [bars, totals]}


def cycle_time_scatter(times: CycleTimes, timezone: str) -> Spec:
    """One dot for each completed item, with the median and the p85 as lines; times are those of `timezone`."""
    zone = ZoneInfo(timezone)
    limit = times.p85 if times.p85 is not None else float("inf")
    rows = [
        {
            "ticket": item.ticket_id,
            "type": item.ticket_type or "",
            "completed": item.completed_at.astimezone(zone).replace(tzinfo=None).isoformat(),
            "days": round(item.cycle_time_days, 2),
            "kind": ABOVE if item.cycle_time_days > limit else WITHIN,
        }
        for item in times.items
    ]
    lines = [{"name": name, "days": value} for name, value in (("p85", times.p85), ("median", times.p50)) if value]
    dots = {
        "data": {"values": rows},
        "mark": {"type": "circle", "size": 58, "opacity": 0.75},
        "encoding": {
            "x": {"field": "completed", "type": "temporal", "axis": TIME_AXIS},
            "y": DAYS | {"axis": VALUE_AXIS | {"title": "business days"}},
            "color": {"field": "kind", "type": "nominal", "scale": {"domain": [WITHIN, ABOVE]}, "legend": LEGEND},
            "tooltip": [
                {"field": "ticket", "title": "Ticket"},
                {"field": "type", "title": "Type"},
                {"field": "completed", "type": "temporal", "title": "Completed", "format": "%-d %b %Y"},
                {"field": "days", "title": "Business days", "format": ".1f"},
            ],
        },
    }
    return {"height": 300, "padding": PADDING, "layer": [dots, *_reference_lines(lines)]}


def trend_lines(series: Sequence[Series], names: Sequence[str]) -> Spec:
    """One line for each series; a day without data is a gap, not a zero. Durations in the unit of the newest value."""
    newest = next((value for value in reversed(series[0].values) if value is not None), 0.0)
    unit, divisor = scale(newest, series[0].unit)
    rows = [
        {"day": _local(day), "value": None if value is None else value / divisor, "name": name, "sample": sample}
        for one, name in zip(series, names, strict=True)
        for day, value, sample in zip(one.dates, one.values, one.sample_sizes, strict=True)
    ]
    colour: Spec = {"field": "name", "type": "nominal", "scale": {"domain": list(names)}}
    colour["legend"] = LEGEND | {"symbolType": "stroke", "symbolStrokeWidth": 3} if len(names) > 1 else None
    encoding: Spec = {
        "x": {"field": "day", "type": "temporal", "axis": TIME_AXIS},
        "y": {
            "field": "value",
            "type": "quantitative",
            "scale": {"zero": True, "nice": True},
            "axis": VALUE_AXIS | {"title": UNIT_TITLES.get(unit, unit)},
        },
        "color": colour,
    }
    tooltip = [
        {"field": "name", "title": "Metric"},
        {"field": "day", "type": "temporal", "title": "Day", "format": "%-d %b %Y"},
        {"field": "value", "title": UNIT_TITLES.get(unit, unit).capitalize(), "format": ".1f"},
        {"field": "sample", "title": "Sample size"},
    ]
    return {
        "data": {"values": rows},
        "height": 230,
        "padding": PADDING,
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 2.2}, "encoding": encoding},
            # Wide and unseen: somewhere for the pointer to land.
            {"mark": {"type": "point", "size": 90, "opacity": 0}, "encoding": encoding | {"tooltip": tooltip}},
        ],
    }


def forecast_histogram(one: Forecast) -> Spec:
    """The probability that the last item is done in each week, with the percentile dates as lines."""
    rows = [
        {
            "from": _local(week.ends_on - timedelta(days=6)),
            "to": _local(week.ends_on),
            "ends": _local(week.ends_on),
            "share": week.share,
            "done": week.done_by_then,
        }
        for week in one.histogram
        if week.share >= LEAST_SHARE
    ]
    bars = {
        "data": {"values": rows},
        # Not a bar: with a span on one axis and a share on the other, its direction would be guessed wrongly.
        "mark": {"type": "rect", "cornerRadius": 2},
        "encoding": {
            "x": {"field": "from", "type": "temporal", "axis": TIME_AXIS},
            "x2": {"field": "to"},
            "y2": {"datum": 0},
            "y": {
                "field": "share",
                "type": "quantitative",
                "axis": VALUE_AXIS | {"title": "probability", "format": ".0%"},
            },
            "tooltip": [
                {"field": "ends", "type": "temporal", "title": "Week ends", "format": "%-d %b %Y"},
                {"field": "share", "title": "Ends in this week", "format": ".1%"},
                {"field": "done", "title": "Done by then", "format": ".1%"},
            ],
        },
    }
    return {"height": 260, "padding": PADDING, "layer": [bars, *_date_lines(_percentile_marks(one))]}


def forecast_ranges(forecasts: Sequence[Forecast]) -> Spec:
    """One bar for each stream, from an even chance to near certainty, with a tick at 85 %."""
    rows = [
        {"stream": one.stream_name, "p50": _local(one.p50), "p85": _local(one.p85), "p95": _local(one.p95)}
        for one in forecasts
        if one.method == "monte_carlo"
    ]
    stream: Spec = {
        "field": "stream",
        "type": "nominal",
        "sort": None,
        "axis": AXIS | {"labelPadding": 8, "labelLimit": 200},
    }
    tooltip = [
        {"field": "stream", "title": "Stream"},
        *(
            {"field": f"p{percentile}", "type": "temporal", "title": f"{percentile} % by", "format": "%-d %b %Y"}
            for percentile in (50, 85, 95)
        ),
    ]
    return {
        "data": {"values": rows},
        "height": 60 + 36 * len(rows),
        "padding": PADDING,
        "encoding": {"y": stream, "tooltip": tooltip},
        "layer": [
            {
                "mark": {"type": "bar", "height": 10, "cornerRadius": 5, "opacity": 0.45},
                "encoding": {
                    "x": {"field": "p50", "type": "temporal", "axis": TIME_AXIS | {"format": "%-d %b %Y"}},
                    "x2": {"field": "p95"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {"x": {"field": "p85", "type": "temporal"}},
            },
        ],
    }


def _date_lines(marks: list[Spec]) -> list[Spec]:
    """A dashed line at each date, with its name at the top."""
    place: Spec = {"field": "day", "type": "temporal"}
    rules = {
        "data": {"values": marks},
        "mark": {"type": "rule", "color": REFERENCE, "strokeDash": [4, 4]},
        "encoding": {"x": place},
    }
    # In two lines by turns, so that dates close to each other stay readable on a phone.
    labels = [
        {
            "data": {"values": marks[start::2]},
            "mark": {"type": "text", "color": REFERENCE, "align": "left", "dx": 4, "baseline": "top"},
            "encoding": {"x": place, "y": {"value": 14 * start}, "text": {"field": "name"}},
        }
        for start in (0, 1)
    ]
    return [rules, *labels]


def _percentile_marks(one: Forecast) -> list[Spec]:
    """One line for each date; percentiles that fall on the same day share it."""
    names: dict[date, list[str]] = {}
    for percentile, found in ((50, one.p50), (70, one.p70), (85, one.p85), (95, one.p95)):
        if found is not None:
            names.setdefault(found, []).append(str(percentile))
    return [{"day": _local(day), "name": "/".join(shared) + " %"} for day, shared in names.items()]


def _reference_lines(lines: list[Spec]) -> list[Spec]:
    """A dashed line for each value, its name to the right: the higher one's above, so that close ones stay apart."""
    rule = {
        "data": {"values": lines},
        "mark": {"type": "rule", "color": REFERENCE, "strokeDash": [5, 4], "strokeWidth": 1.5},
        "encoding": {"y": DAYS},
    }
    names = [
        {
            "data": {"values": [line]},
            "mark": {"type": "text", "color": REFERENCE, "align": "left", "dx": 5, "fontWeight": 600, "dy": shift},
            "encoding": {"y": DAYS, "x": {"value": {"expr": "width"}}, "text": {"field": "name"}},
        }
        for line, shift in zip(lines, (-5, 5), strict=False)
    ]
    return [rule, *names]


def _local(day: date | None) -> str | None:
    """A day as the browser's own midnight: it reads a bare date as UTC, and shows the day before to the west of it."""
    return f"{day.isoformat()}T00:00:00" if day else None
