"""Is a stream's past a guide to its future? Signals of an XmR chart of its weekly throughput.

In: completed items per week, oldest first. Out: the natural process limits (mean ± 2.66 times the average moving
range) and the signals that concern the weeks which a forecast draws from: a week outside the limits, or eight weeks
in a row on one side of the mean. A forecast draws past weeks as if they were exchangeable; a signal says that they
are not. No database and no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.forecasting.delivery import SAMPLE_WEEKS

# Twice what a forecast draws from: enough to see whether its weeks differ from those before.
BASELINE_WEEKS = 2 * SAMPLE_WEEKS
MINIMUM_WEEKS = 8
RUN_LENGTH = 8
MOVING_RANGE_FACTOR = 2.66


@dataclass(frozen=True)
class Signal:
    """Weeks that chance does not explain, counted from the newest (0: the last full week)."""

    kind: Literal["above_limits", "below_limits", "run_above", "run_below"]
    weeks_ago_first: int
    weeks_ago_last: int


@dataclass(frozen=True)
class Stability:
    """`is_stable` is None where there are fewer than eight weeks to judge by; `note` says so, or names the signals."""

    is_stable: bool | None
    mean: float | None
    lower: float | None
    upper: float | None
    signals: tuple[Signal, ...]
    note: str | None


def stability(weekly_throughput: Sequence[int]) -> Stability:
    """The signals among the weeks that a forecast draws from, with limits from twice as many weeks."""
    counts = np.asarray(weekly_throughput[-BASELINE_WEEKS:], dtype=np.float64)
    if counts.size < MINIMUM_WEEKS:
        missing = MINIMUM_WEEKS - counts.size
        note = (
            f"{missing} more {'week' if missing == 1 else 'weeks'} of data until the pace can be called steady or not."
        )
        return Stability(None, None, None, None, (), note)
    mean = float(counts.mean())
    spread = MOVING_RANGE_FACTOR * float(np.abs(np.diff(counts)).mean())
    lower, upper = max(0.0, mean - spread), mean + spread
    signals = (*_outside(counts, lower, upper), *_runs(counts, mean))
    return Stability(not signals, mean, lower, upper, signals, _note(signals, counts, mean, lower, upper))


def _outside(counts: NDArray[np.float64], lower: float, upper: float) -> list[Signal]:
    found = []
    for ago, count in enumerate(counts[::-1][:SAMPLE_WEEKS]):
        if count > upper:
            found.append(Signal("above_limits", ago, ago))
        elif count < lower:
            found.append(Signal("below_limits", ago, ago))
    return found


def _runs(counts: NDArray[np.float64], mean: float) -> list[Signal]:
    """Runs of eight that begin or end among the weeks drawn from.

    A run that holds all of them is none: then the level changed before, and the weeks drawn from are of one kind.
    A week exactly on the mean is on neither side.
    """
    sides = np.sign(counts - mean)[::-1]
    found, first = [], 0
    while first < min(sides.size, SAMPLE_WEEKS):
        end = first
        while end < sides.size and sides[end] == sides[first]:
            end += 1
        holds_all = first == 0 and end >= SAMPLE_WEEKS
        if sides[first] != 0 and end - first >= RUN_LENGTH and not holds_all:
            found.append(Signal("run_above" if sides[first] > 0 else "run_below", end - 1, first))
        first = end
    return found


def _note(
    signals: tuple[Signal, ...],
    counts: NDArray[np.float64],
    mean: float,
    lower: float,
    upper: float,
) -> str | None:
    if not signals:
        return None
    newest = signals[0]
    if newest.kind in ("above_limits", "below_limits"):
        items = int(counts[-1 - newest.weeks_ago_last])
        when = _weeks_ago(newest.weeks_ago_last)
        what = (
            f"{items} {'item was' if items == 1 else 'items were'} completed {when}, outside {lower:.0f} to {upper:.0f}"
        )
    else:
        length = newest.weeks_ago_first - newest.weeks_ago_last + 1
        side = "above" if newest.kind == "run_above" else "below"
        what = f"{length} weeks in a row were {side} the mean of {mean:.1f}"
    return f"The pace is not steady, so the past is a poor guide: {what}."


def _weeks_ago(weeks: int) -> str:
    if weeks == 0:
        return "last week"
    return f"{weeks + 1} weeks ago"
