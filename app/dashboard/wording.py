"""Numbers and findings in words. Pure functions, so that a sentence can be tested without a screen.

In: the typed values of `app.queries`. Out: text. No HTML, no Streamlit.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.queries.values import (
    Bottleneck,
    CatalogueEntry,
    CycleTimes,
    Forecast,
    MetricValue,
    Selection,
    Series,
    WorkInProgress,
)
from app.queries.what_if import StreamAnswer, WhatIf

STAGE_NAMES = {
    "backlog": "Backlog",
    "ba": "Analysis",
    "dev": "Development",
    "code_review": "Code review",
    "qa": "QA",
    "uat": "Acceptance",
}
SAMPLE_NOUNS = {
    "deployment_frequency": "deployment",
    "change_failure_rate": "deployment",
    "ttr": "outage",
    "lead_time": "change",
    "review_turnaround": "pull request",
}
STALE_AFTER = timedelta(hours=26)
WINDOWS_BACK = 3
# A change that rounds to nothing is no news.
STEADY_PERCENT = 0.5
NO_VALUE = "—"
# The percentile to plan with.
PLANNING_PERCENTILE = 85


class Figure(NamedTuple):
    """A number and its unit, as a person reads them."""

    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number} {self.unit}".strip()


class Trend(NamedTuple):
    """The change against the window before: an arrow, how much, and whether that is good."""

    arrow: str
    amount: str
    verdict: str


class Scale(NamedTuple):
    """The unit in which a duration is told: its name, and how many of the metric's own units it has."""

    unit: str
    divisor: float


def scale(value: float, unit: str) -> Scale:
    """The unit that suits a duration's size: up to 90 minutes in minutes, up to 48 hours in hours, else in days."""
    minutes_in_unit = {"minutes": 1, "hours": 60}.get(unit)
    if minutes_in_unit is None:
        return Scale(unit, 1)
    minutes = value * minutes_in_unit
    if minutes < 90:
        return Scale("minutes", 1 / minutes_in_unit)
    if minutes < 48 * 60:
        return Scale("hours", 60 / minutes_in_unit)
    return Scale("days", 1440 / minutes_in_unit)


def figure(value: float | None, unit: str) -> Figure:
    """A metric's value in the unit that suits its size: 38.5 hours, 4.7 days, 47 minutes."""
    if value is None:
        return Figure(NO_VALUE, "")
    shown, divisor = scale(value, unit)
    value = value / divisor
    if shown == "count":
        return Figure(f"{value:,.0f}", "items")
    if shown == "minutes" and value >= 10:
        return Figure(f"{value:.0f}", shown)
    if shown == "days" and value == 1:
        return Figure("1.0", "day")
    words = {"percent": "%", "per_week": "per week"}
    return Figure(_rounded(value), words.get(shown, shown.replace("_", " ")))


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def trend(metric: MetricValue, entry: CatalogueEntry | None) -> Trend | None:
    """The change against the window before; None where there is nothing to compare."""
    if metric.value is None or metric.trend_direction is None:
        return None
    percentage = metric.trend_percentage
    if metric.trend_direction == "flat" or (percentage is not None and abs(percentage) < STEADY_PERCENT):
        return Trend("→", "steady", "")
    arrow = "↑" if metric.trend_direction == "up" else "↓"
    # No share of nothing can be given.
    amount = "from 0" if percentage is None else f"{abs(percentage):.0f} %"
    if entry is None or entry.direction not in ("up", "down"):
        return Trend(arrow, amount, "")
    return Trend(arrow, amount, "better" if metric.trend_direction == entry.direction else "worse")


def basis(metric: MetricValue) -> str:
    """What a number stands on: its sample and what was left out."""
    noun = next((noun for prefix, noun in SAMPLE_NOUNS.items() if metric.metric_name.startswith(prefix)), "item")
    left_out = f", {metric.excluded_count:,} left out" if metric.excluded_count else ""
    return f"From {metric.sample_size:,} {noun}{'' if metric.sample_size == 1 else 's'}{left_out}"


def window_name(days: int) -> str:
    """`last 30 days`."""
    return f"last {days} days"


def day(value: date) -> str:
    """`14 Mar 2026`."""
    return f"{value.day} {value:%b %Y}"


def moment(value: datetime, timezone: str) -> str:
    """`14 Mar 2026, 09:30 UTC`, in the organisation's time zone."""
    local = value.astimezone(ZoneInfo(timezone))
    return f"{day(local.date())}, {local:%H:%M} {local.tzname()}"


def age(value: datetime, now: datetime) -> str:
    """`12 minutes ago`, as coarse as is useful."""
    minutes = max(int((now - value).total_seconds() // 60), 0)
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        count = minutes // size
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def is_stale(value: datetime, now: datetime) -> bool:
    """Whether the daily build was missed."""
    return now - value > STALE_AFTER


def bottleneck(found: Bottleneck) -> str:
    """Where work piles up, and how badly."""
    oldest = f"; the oldest has been there for {_business_days(found.oldest_age_days)}" if found.oldest_age_days else ""
    share = f"{found.share_of_waiting * 100:.0f} %"
    return f"{found.waiting_count} items wait for {stage_name(found.stage)}, {share} of all that wait{oldest}."


def work_in_progress(wip: WorkInProgress) -> str:
    """The whole of what is in the pipeline in one sentence."""
    waiting = sum(stage.waiting_count for stage in wip.stages)
    blocked = sum(stage.blocked_count for stage in wip.stages)
    flagged = f" and {blocked} blocked" if blocked else ""
    return f"{wip.total} items in progress, {waiting} of them waiting{flagged}; {wip.backlog_count} in the backlog."


def oldest_item(wip: WorkInProgress) -> str:
    """Where an item has stood for longest."""
    aged = [stage for stage in wip.stages if stage.oldest_age_days is not None]
    if not aged:
        return "Nothing is in progress."
    longest = max(aged, key=lambda stage: stage.oldest_age_days or 0)
    return f"The longest stay is in {stage_name(longest.stage)}: {_business_days(longest.oldest_age_days)}."


def cycle_times(times: CycleTimes) -> str:
    """How long finished work took."""
    if times.p85 is None:
        return ""
    slow = len(times.above_p85)
    half = f" Half were done within {_business_days(times.p50)}." if times.p50 is not None else ""
    return f"85 of 100 items were done within {_business_days(times.p85)}; {slow} took longer.{half}"


def series(one: Series, window_days: int) -> str:
    """The newest value against the one of `WINDOWS_BACK` windows before, which share no day with it.

    Not against the oldest: a stream's first windows are not full yet.
    """
    known = {day: value for day, value in zip(one.dates, one.values, strict=True) if value is not None}
    if not known:
        return ""
    newest = max(known)
    now = figure(known[newest], one.unit)
    days_back = WINDOWS_BACK * window_days
    before = known.get(newest - timedelta(days=days_back))
    if before is None:
        return f"{now}."
    then = figure(before, one.unit)
    if now == then:
        return f"{now}, as {days_back} days before."
    return f"{now}, {'up' if known[newest] > before else 'down'} from {then} {days_back} days before."


def forecast(one: Forecast) -> str:
    """When it will be done, as honestly as the method allows."""
    left = f"{one.scope_item_count} item{'' if one.scope_item_count == 1 else 's'} left"
    if one.method == "none":
        return one.note or "No end can be foreseen."
    if one.method == "linear":
        when = day(one.p50) if one.p50 else "no foreseeable day"
        return f"Around {when} at the present pace ({left})."
    if one.p85 is None:
        return one.note or "The end lies beyond what can be foreseen."
    likely = f", an even chance by {day(one.p50)}" if one.p50 else ""
    return f"85 % chance by {day(one.p85)}{likely} ({left})."


def forecast_basis(one: Forecast) -> str:
    """What the dates come from, and where the simulation named others."""
    basis = f"Exact, each week drawn from the last {one.throughput_weeks} weeks."
    shown = {50: one.p50, 70: one.p70, 85: one.p85, 95: one.p95}
    if not one.simulated:
        return basis
    others = [f"{day(found)} for {percentile} %" for percentile, found in one.simulated if shown[percentile] != found]
    if others:
        return f"{basis} {one.simulation_runs:,} simulations, a week off by chance, named {' and '.join(others)}."
    return f"{basis} {one.simulation_runs:,} simulations named the same dates."


def track_record(one: Forecast) -> str:
    """How the dates to plan with did in the past, and whether the pace is one to plan with; empty without a record."""
    record = one.track_record
    rate = record.of(PLANNING_PERCENTILE) if record else None
    if record is None or rate is None:
        return ""
    told = ""
    if rate.hit_rate_pct is not None:
        share = f"{rate.hit_rate_pct:.0f} % of {rate.forecast_count:,}"
        told = f"{share} past {PLANNING_PERCENTILE} % dates held, each for {record.scope_weeks} weeks of work."
    return " ".join(part for part in (told, record.note) if part)


def what_if(one: StreamAnswer) -> str:
    """One stream's answer to a what-if."""
    items = f"{one.scope_item_count:,} item{'' if one.scope_item_count == 1 else 's'}"
    if one.done is None:
        return f"{items}: {one.note}"
    when = f"85 % chance by {day(one.done.p85)}" if one.done.p85 else (one.note or "No end can be foreseen.")
    told = f"{items}: {when.rstrip('.')}."
    if one.done_by:
        told += f" By {day(one.done_by.day)} at least {one.done_by.p85:,} with 85 %, {one.done_by.p50:,} with 50 %."
    return told


def together(answer: WhatIf) -> str:
    """When several streams are all done."""
    if answer.together is None or answer.together.p85 is None:
        return answer.note or "No end can be foreseen."
    return f"85 % chance by {day(answer.together.p85)}. {answer.note or ''}".strip()


def forecast_note(note: str) -> str:
    """A forecast's note beside the badge that says its first words already."""
    rest = note.removeprefix("Low confidence: ")
    return rest[:1].upper() + rest[1:]


def stage_name(stage: str) -> str:
    """A pipeline stage as people call it."""
    return STAGE_NAMES.get(stage, stage.replace("_", " ").capitalize())


def heading(flow: Selection, dora: Selection) -> str:
    """Whose numbers these are."""
    if flow == dora:
        return flow.display_name
    return f"{flow.display_name} with {dora.display_name}"


def two_streams(flow: Selection, dora: Selection) -> str:
    """Which of the page's numbers are whose, where two streams are chosen."""
    return (
        f"Work items are those of {flow.display_name}, deployments and incidents those of {dora.display_name}: "
        "metrics are kept by stream, not for each pair of streams."
    )


def _business_days(value: float | None) -> str:
    shown = figure(value, "days")
    return f"{shown.number} business {shown.unit}" if shown.unit else shown.number
