"""What if? Other questions to the model of `core.forecasting.sampling`, all answered exactly.

In: a stream's weekly throughput, oldest first, and a plan: scope, the weeks to draw from, weeks in which less will
be done. Out: when a number of items will be done, how many will be done by a day, and when several streams will all
be done. Week k is the k-th week after the forecast date and ends 7·k days later. No database and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.forecasting.delivery import MINIMUM_WEEKS, SAMPLE_WEEKS
from core.forecasting.sampling import (
    HORIZON_WEEKS,
    PERCENTILES,
    ROUNDING,
    Distribution,
    Week,
    completion,
    nothing,
    percentile_weeks,
    week_of,
)

WINDOWS = (6, 12, 26)
# "How many by then" looks no further: the distribution grows with the square of the weeks.
MOST_WEEKS = 260


@dataclass(frozen=True)
class WhenDone:
    """`weeks` maps a percentile to its week (0: nothing to do); `distribution[k-1]`: all is done by the end of week k.

    Without an answer both are empty and `note` says why.
    """

    scope: int
    sampled_weeks: int
    weeks: Mapping[int, int] = field(default_factory=dict)
    distribution: Distribution = field(default_factory=nothing)
    note: str | None = None


@dataclass(frozen=True)
class HowMany:
    """`at_least` maps a percentile p to the items that will be done with at least p % probability.

    `distribution[n]` is the probability that exactly n are done. Without an answer both are empty, `note` says why.
    """

    weeks: int
    sampled_weeks: int
    at_least: Mapping[int, int] = field(default_factory=dict)
    distribution: Distribution = field(default_factory=nothing)
    note: str | None = None


def when_done(
    weekly_throughput: Sequence[int],
    scope: int,
    *,
    window: int = SAMPLE_WEEKS,
    strengths: Mapping[int, float] | None = None,
) -> WhenDone:
    """When `scope` items will be done, drawing from the trailing `window` weeks.

    `strengths` maps a coming week's number (1: the first) to the share of its usual throughput: 0 for a week in which
    nobody works. Raises `ValueError` for a negative scope, an unknown window, a week below 1, a strength beyond 0 to 1.
    """
    if scope < 0:
        raise ValueError("scope is a count and cannot be negative")
    samples, note = _samples(weekly_throughput, window)
    if scope == 0:
        return WhenDone(0, len(samples), dict.fromkeys(PERCENTILES, 0), note="Nothing is left to do.")
    if note:
        return WhenDone(scope, len(samples), note=note)
    week = week_of(samples)
    distribution = completion(week, scope, first_weeks=_first_weeks(week, strengths or {}))
    weeks = percentile_weeks(distribution)
    far = None if len(weeks) == len(PERCENTILES) else f"Some dates lie more than {HORIZON_WEEKS // 52} years ahead."
    return WhenDone(scope, len(samples), weeks, distribution, far)


def how_many(
    weekly_throughput: Sequence[int],
    weeks: int,
    *,
    window: int = SAMPLE_WEEKS,
    strengths: Mapping[int, float] | None = None,
) -> HowMany:
    """How many items will be done in the next `weeks` whole weeks (0 to 260), however many there are to do.

    `strengths` as in `when_done`. Raises `ValueError` as `when_done` does, and for a number of weeks out of range.
    """
    if not 0 <= weeks <= MOST_WEEKS:
        raise ValueError(f"the number of weeks lies between 0 and {MOST_WEEKS}")
    samples, note = _samples(weekly_throughput, window)
    if note:
        return HowMany(weeks, len(samples), note=note)
    week = week_of(samples)
    first_weeks = _first_weeks(week, strengths or {})[:weeks]
    distribution = _together([(week, weeks - len(first_weeks)), *((one, 1) for one in first_weeks)])
    return HowMany(weeks, len(samples), _at_least(distribution), distribution)


def all_done(distributions: Sequence[Distribution]) -> Distribution:
    """Probability that several streams are all done by the end of week k, if their weeks are independent.

    A shared holiday or a shared blockage makes streams slow together; independence then understates how likely it is
    that all are done early and leaves late weeks all but unchanged. A stream with nothing to do has an empty
    distribution and must be left out.
    """
    if not distributions:
        return nothing()
    length = max(len(one) for one in distributions)
    together = np.ones(length)
    for one in distributions:
        # Beyond its end a distribution is all but 1, or at the horizon and as long as any.
        together[: len(one)] *= one
    return together


def _samples(weekly_throughput: Sequence[int], window: int) -> tuple[tuple[int, ...], str | None]:
    """The weeks to draw from, and why there is no answer, if there is none."""
    if window not in WINDOWS:
        raise ValueError(f"the window is one of {', '.join(map(str, WINDOWS))} weeks")
    samples = tuple(int(count) for count in weekly_throughput[-window:])
    if any(count < 0 for count in samples):
        raise ValueError("weekly throughput is a count and cannot be negative")
    if len(samples) < MINIMUM_WEEKS:
        return samples, f"{len(samples)} full weeks of completed work; {MINIMUM_WEEKS} are needed for a probability."
    if not any(samples):
        return samples, f"Nothing was completed in the last {len(samples)} weeks, so no end can be foreseen."
    return samples, None


def _first_weeks(week: Week, strengths: Mapping[int, float]) -> list[Week]:
    """The weeks up to the last one that is planned to differ."""
    if any(number < 1 for number in strengths):
        raise ValueError("coming weeks are numbered from 1")
    last = min(max(strengths, default=0), HORIZON_WEEKS)
    return [weakened(week, strengths.get(number, 1.0)) for number in range(1, last + 1)]


def weakened(week: Week, strength: float) -> Week:
    """A week in which each item of an ordinary week is completed with probability `strength` (0 to 1).

    Its mean is `strength` times the ordinary one's and its counts stay whole. Raises `ValueError` beyond 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError("a week's strength lies between 0 (nobody works) and 1 (as usual)")
    if strength == 1:
        return week
    if strength == 0:
        return np.ones(1)
    factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, len(week))))))
    weak = np.zeros_like(week)
    for count in np.flatnonzero(week):
        kept = np.arange(count + 1)
        ways = factorials[count] - factorials[kept] - factorials[count - kept]
        weak[: count + 1] += week[count] * np.exp(ways + kept * np.log(strength) + (count - kept) * np.log1p(-strength))
    return weak


def _together(weeks: Sequence[tuple[Week, int]]) -> Distribution:
    """The items of several weeks together: each kind of week and how often it comes.

    By Fourier transform, since at a thousand items a week a convolution would take minutes; accurate to 1e-12.
    """
    size = 1 + sum((len(week) - 1) * times for week, times in weeks)
    transformed = np.ones(size // 2 + 1, dtype=np.complex128)
    for week, times in weeks:
        transformed *= np.fft.rfft(week, size) ** times
    return np.clip(np.fft.irfft(transformed, size), 0.0, 1.0)


def _at_least(distribution: Distribution) -> dict[int, int]:
    """For each percentile p the largest n with P(at least n) ≥ p."""
    at_least = 1.0 - np.concatenate(([0.0], np.cumsum(distribution)[:-1]))
    return {percentile: int(np.flatnonzero(at_least >= percentile / 100 - ROUNDING)[-1]) for percentile in PERCENTILES}
