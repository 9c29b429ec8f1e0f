"""What if? The forecast's model asked other questions: another scope, other weeks to draw from, a planned holiday.

In: a connection, the delivery streams in question and a plan. Out: for each stream when it will be done and, where a
day is given, how many items will be done by then; for several streams when all of them are. Every answer is exact:
without a change it names the dates of the forecast of the same day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from app.queries.readiness import build_state
from app.queries.throughput import StreamHistory, read_histories
from app.queries.values import SUCCESS, ForecastWeek, Selection, State
from core.forecasting import PERCENTILES, week_end
from core.forecasting.delivery import SAMPLE_WEEKS
from core.forecasting.sampling import Distribution, percentile_weeks
from core.forecasting.what_if import MOST_WEEKS, WhenDone, all_done, how_many, when_done

# Bars stop where all but this much has been shown.
SHOWN_TAIL = 1e-4


class UnanswerablePlan(ValueError):
    """The plan makes no sense; the message says which part, for the person who asked."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be different.

    `items` asks about a number of items in place of what remains; `scope_change` adds to it or takes away. Weeks that
    hold a day of `weeks_off` complete `strength` (0: nobody works, below 1) of what they would otherwise. `by` asks
    how many items will be done by the end of that day.
    """

    items: int | None = None
    scope_change: int = 0
    window_weeks: int = SAMPLE_WEEKS
    weeks_off: tuple[date, ...] = ()
    strength: float = 0.0
    by: date | None = None


@dataclass(frozen=True, slots=True)
class Chances:
    """The day by which all is done with 50, 70, 85 and 95 % probability, and the probability of each week.

    A day that lies over twenty years ahead is None. Nothing to do is done on the day of the forecast.
    """

    p50: date | None
    p70: date | None
    p85: date | None
    p95: date | None
    histogram: tuple[ForecastWeek, ...]


@dataclass(frozen=True, slots=True)
class DoneBy:
    """How many items will be done by the end of `day` with at least 50, 70, 85 and 95 % probability.

    Counted are the whole weeks from the forecast date until then.
    """

    day: date
    weeks: int
    p50: int
    p70: int
    p85: int
    p95: int


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """One stream's answer. `done` is None where there is none, and `note` says why."""

    delivery_stream_id: UUID
    stream_name: str
    scope_item_count: int
    throughput_weeks: int
    done: Chances | None
    done_by: DoneBy | None
    note: str | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The streams' answers. `together` is when all of several streams are done, if they do not depend on each other."""

    state: State
    forecast_date: date | None
    streams: tuple[StreamAnswer, ...]
    together: Chances | None
    note: str | None


def what_if(connection: Connection, selections: Sequence[Selection], plan: Plan, *, timezone: str) -> WhatIf:
    """Answer a plan for delivery streams (all active ones where all streams are selected).

    Raises `UnanswerablePlan`.
    """
    if any(selection.stream_type == "tech" for selection in selections):
        raise UnanswerablePlan("Forecasts are made for delivery streams: a technology stream has no scope of its own.")
    is_all = any(selection.stream_type == "all" for selection in selections)
    wanted = None if is_all else [selection.stream_id for selection in selections]
    built = build_state(connection)
    as_of, histories = read_histories(connection, wanted) if built.is_success else (None, [])
    if as_of is None:
        return WhatIf(_NO_STREAM if built.is_success else built, None, (), None, None)
    if len(histories) > 1 and (plan.items is not None or plan.scope_change):
        raise UnanswerablePlan("A number of items belongs to one stream: name one, or leave items and change out.")
    forecast_date = as_of.astimezone(ZoneInfo(timezone)).date()
    strengths = _strengths(plan, forecast_date)
    answers, found = [], []
    for history in histories:
        done = _when(history, plan, strengths)
        found.append(done)
        answers.append(_answer(history, done, plan, strengths, forecast_date))
    together, note = _together(answers, found, forecast_date)
    return WhatIf(SUCCESS, forecast_date, tuple(answers), together, note)


_NO_STREAM = State("no_data", "There is no delivery stream to forecast for.", "Add one to the configuration.")


def _strengths(plan: Plan, forecast_date: date) -> Mapping[int, float]:
    """The number of each coming week that holds one of the days off, and its strength."""
    strengths = {}
    for day in plan.weeks_off:
        week = -(-(day - forecast_date).days // 7)
        if not 1 <= week <= MOST_WEEKS:
            raise UnanswerablePlan(
                f"{day} is not a day of the {MOST_WEEKS // 52} years after the forecast date, {forecast_date}."
            )
        strengths[week] = plan.strength
    return strengths


def _when(history: StreamHistory, plan: Plan, strengths: Mapping[int, float]) -> WhenDone:
    scope = (history.scope if plan.items is None else plan.items) + plan.scope_change
    if scope < 0:
        raise UnanswerablePlan(f"{-plan.scope_change} items cannot be taken from {scope - plan.scope_change}.")
    try:
        return when_done(history.weekly_throughput, scope, window=plan.window_weeks, strengths=strengths)
    except ValueError as error:
        raise UnanswerablePlan(str(error)) from None


def _answer(
    history: StreamHistory, done: WhenDone, plan: Plan, strengths: Mapping[int, float], forecast_date: date
) -> StreamAnswer:
    has_answer = bool(done.distribution.size) or done.scope == 0
    return StreamAnswer(
        delivery_stream_id=history.stream_id,
        stream_name=history.display_name,
        scope_item_count=done.scope,
        throughput_weeks=done.sampled_weeks,
        done=_chances(done.weeks, done.distribution, forecast_date) if has_answer else None,
        done_by=_done_by(history, plan, strengths, forecast_date),
        note=done.note,
    )


def _done_by(history: StreamHistory, plan: Plan, strengths: Mapping[int, float], forecast_date: date) -> DoneBy | None:
    if plan.by is None:
        return None
    weeks = (plan.by - forecast_date).days // 7
    if not 0 <= weeks <= MOST_WEEKS:
        raise UnanswerablePlan(f"{plan.by} lies before {forecast_date}, or over {MOST_WEEKS // 52} years after it.")
    counts = how_many(history.weekly_throughput, weeks, window=plan.window_weeks, strengths=strengths).at_least
    return DoneBy(plan.by, weeks, counts[50], counts[70], counts[85], counts[95]) if counts else None


def _together(
    answers: Sequence[StreamAnswer], found: Sequence[WhenDone], forecast_date: date
) -> tuple[Chances | None, str | None]:
    """When all streams are done, and what to know about that."""
    if len(answers) < 2:
        return None, None
    unknown = [answer.stream_name for answer in answers if answer.done is None]
    if unknown:
        return None, f"When all are done cannot be said, because of {', '.join(unknown)}."
    distribution = all_done([done.distribution for done in found if done.scope])
    weeks = percentile_weeks(distribution) if distribution.size else dict.fromkeys(PERCENTILES, 0)
    note = "As if the streams did not depend on each other: what slows them together is not in it."
    return _chances(weeks, distribution, forecast_date), note


def _chances(weeks: Mapping[int, int], distribution: Distribution, forecast_date: date) -> Chances:
    days = {percentile: week_end(week, forecast_date) for percentile, week in weeks.items()}
    bars, before = [], 0.0
    for week, done in enumerate(distribution.tolist(), start=1):
        bars.append(ForecastWeek(week_end(week, forecast_date), done - before, done))
        before = done
        if done > 1 - SHOWN_TAIL:
            break
    return Chances(days.get(50), days.get(70), days.get(85), days.get(95), tuple(bars))
