"""Numbers over a window of days, as 004 §6 defines them.

In: observations, each a value (or None, where it is left out and counted) at an instant for some streams. Out: a
metric's value, how many values it was made of, how many were left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction


@dataclass(frozen=True)
class Observation:
    """Something that happened on a day of the organisation's calendar, for streams by name."""

    kind: str
    day: date
    streams: frozenset[str]
    value: Fraction | float | None


@dataclass(frozen=True)
class Number:
    """A metric's value, None where there is nothing to compute it from."""

    value: float | None
    sample_size: int
    excluded_count: int


def percentile(values: Sequence[Fraction | float], rank: float) -> float | None:
    """The value below which that share lies; between two neighbours it is interpolated linearly."""
    if not values:
        return None
    ordered = sorted(float(value) for value in values)
    place = (len(ordered) - 1) * rank
    lower = int(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (place - lower)


def mean(values: Sequence[Fraction | float]) -> float | None:
    """The arithmetic mean."""
    return sum(float(value) for value in values) / len(values) if values else None


def at_rank(rank: float) -> Callable[[Sequence[Fraction | float]], float | None]:
    """The percentile of that rank, as a statistic."""
    return lambda values: percentile(values, rank)


# Metric: what it is made of and what is done with it. Counts and frequencies have rules of their own.
STATISTICS: dict[str, tuple[str, Callable[[Sequence[Fraction | float]], float | None]]] = {
    "cycle_time_p50": ("cycle_time", at_rank(0.5)),
    "cycle_time_p85": ("cycle_time", at_rank(0.85)),
    "cycle_time_p95": ("cycle_time", at_rank(0.95)),
    "flow_efficiency": ("flow_efficiency", mean),
    "change_failure_rate": ("change_failure", mean),
    "change_failure_rate_completed": ("change_failure_completed", mean),
    "ttr_median": ("time_to_restore", at_rank(0.5)),
    "ttr_mean": ("time_to_restore", mean),
    "lead_time_p50": ("lead_time", at_rank(0.5)),
    "lead_time_p85": ("lead_time", at_rank(0.85)),
    "review_turnaround_p50": ("review_turnaround", at_rank(0.5)),
    "review_turnaround_p85": ("review_turnaround", at_rank(0.85)),
}
METRICS = frozenset({*STATISTICS, "throughput", "deployment_frequency"})


def number(metric: str, observations: Sequence[Observation], stream: str, last_day: date, days: int) -> Number:
    """A metric of a stream over so many days, the last one among them."""
    ours = [one for one in observations if stream in one.streams and one.day <= last_day]
    first_day = last_day - timedelta(days=days - 1)
    if metric == "throughput":
        done = [one for one in ours if one.kind == "cycle_time"]
        count = sum(one.day >= first_day for one in done)
        # Before the stream's first completion nothing is known of it.
        return Number(count if done else None, count, 0)
    if metric == "deployment_frequency":
        tried = [one for one in ours if one.kind == "deployment"]
        done = [one for one in tried if one.value is not None]
        count = sum(one.day >= first_day for one in done)
        left_out = sum(one.day >= first_day for one in tried) - count
        return Number(count / days * 7 if done else None, count, left_out)
    kind, statistic = STATISTICS[metric]
    values = [one.value for one in ours if one.kind == kind and one.day >= first_day]
    known = [value for value in values if value is not None]
    return Number(statistic(known), len(known), len(values) - len(known))
