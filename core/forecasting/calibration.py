"""How often did the forecast come true? A walk-forward back-test over a stream's weekly history.

In: completed items per week, oldest first. For the end of each past week the forecast is made with what was known
then, the trailing twelve weeks (six at least, as today's forecast), and held against the weeks that followed. The
scope is known then, too: eight weeks of work at the pace of those weeks. A scope taken from what came after, such as
"the items of the next eight weeks", would choose the question by its answer. Out: for each percentile how many
forecasts there were, how many held, and how many should have. No database and no clock.

A forecast counts for a percentile once the history reaches that percentile's week, whether the work was done by then
or not: to wait for the late ones only would leave out the misses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.forecasting.delivery import MINIMUM_WEEKS, SAMPLE_WEEKS
from core.forecasting.sampling import PERCENTILES, ROUNDING, completion, week_of

SCOPE_WEEKS = 8
# Below this many separate stretches of weeks, a rate says nothing: forecasts of neighbouring weeks look at the same
# weeks and are right or wrong together.
FEWEST_STRETCHES = 4


@dataclass(frozen=True)
class Calibration:
    """How the dates of one percentile did.

    `expected_pct` is the mean probability that the model itself gave to those weeks; since weeks are whole it is higher
    than the percentile, which is what people were promised. `hit_rate_pct` is None where no forecast has come due.
    """

    percentile: int
    forecast_count: int
    hit_count: int
    hit_rate_pct: float | None
    expected_pct: float | None
    note: str | None


def back_test(weekly_throughput: Sequence[int], *, scope_weeks: int = SCOPE_WEEKS) -> tuple[Calibration, ...]:
    """One calibration for each percentile. Raises `ValueError` for negative throughput or a scope of no week."""
    counts = np.asarray(weekly_throughput, dtype=np.int64)
    if scope_weeks < 1 or (counts < 0).any():
        raise ValueError("weekly throughput cannot be negative, and the scope is at least one week of work")
    weeks, chances, origins, scopes = _past_forecasts(counts, scope_weeks)
    completed = np.concatenate(([0], np.cumsum(counts)))
    found = []
    for column, percentile in enumerate(PERCENTILES):
        ends = origins + weeks[:, column]
        is_over = (weeks[:, column] > 0) & (ends <= counts.size)
        done = completed[ends[is_over]] - completed[origins[is_over]]
        hits = done >= scopes[is_over]
        found.append(_calibration(percentile, hits, chances[is_over, column], weeks[is_over, column]))
    return tuple(found)


def _past_forecasts(
    counts: NDArray[np.int64], scope_weeks: int
) -> tuple[
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.int64],
]:
    """For each past week with a forecast: each percentile's week (0: none), its probability, the week, the scope."""
    weeks, chances, origins, scopes = [], [], [], []
    for origin in range(MINIMUM_WEEKS, counts.size):
        samples = counts[max(0, origin - SAMPLE_WEEKS) : origin]
        completed = int(samples.sum())
        if not completed:
            continue
        scope = max(1, round(scope_weeks * completed / samples.size))
        # Nobody asks beyond the last percentile.
        done = completion(week_of(samples), scope, tail=1 - max(PERCENTILES) / 100)
        reached = np.searchsorted(done, np.array(PERCENTILES) / 100 - ROUNDING)
        is_named = reached < done.size
        weeks.append(np.where(is_named, reached + 1, 0))
        chances.append(np.where(is_named, done[np.minimum(reached, done.size - 1)], np.nan))
        origins.append(origin)
        scopes.append(scope)
    shape = (len(origins), len(PERCENTILES))
    return (
        np.array(weeks, dtype=np.int64).reshape(shape),
        np.array(chances, dtype=np.float64).reshape(shape),
        np.array(origins, dtype=np.int64),
        np.array(scopes, dtype=np.int64),
    )


def _calibration(
    percentile: int,
    hits: NDArray[np.bool_],
    chances: NDArray[np.float64],
    weeks: NDArray[np.int64],
) -> Calibration:
    count = int(hits.size)
    if not count:
        return Calibration(percentile, 0, 0, None, None, "No past forecast has come due yet.")
    rate, expected = float(hits.mean()), float(chances.mean())
    note = _verdict(percentile / 100, rate, expected, count / float(weeks.mean()))
    return Calibration(percentile, count, int(hits.sum()), 100 * rate, 100 * expected, note)


def _verdict(promised: float, rate: float, expected: float, stretches: float) -> str | None:
    """Whether fewer forecasts held than promised, or more than even the model expected; None within chance."""
    if stretches < FEWEST_STRETCHES:
        return "Too few past forecasts have come due to judge by."
    if rate < promised - _two_deviations(promised, stretches):
        return "Past dates were named too early: allow for more time."
    if rate > expected + _two_deviations(expected, stretches):
        return "Past dates were named too late: work was done sooner."
    return None


def _two_deviations(probability: float, stretches: float) -> float:
    return 2 * float(np.sqrt(max(probability * (1 - probability), 0.0) / stretches))
