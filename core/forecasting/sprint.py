"""How likely is it that a sprint's remaining items are done by its end? (004 §6.2.2)

In: the items that remain, the working days that are left, and the items completed on each past working day (days
without any included; weekends and holidays not). Out: a percentage, simulated as the specification says and, for the
same model, exact. No database and no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.forecasting.sampling import week_of

RUNS = 1_000


@dataclass(frozen=True)
class SprintConfidence:
    """One answer in percent (0 to 100); None, `no_data` and the reason where there is no history to draw from."""

    remaining: int
    working_days: int
    sampled_days: int
    simulation_runs: int
    confidence_pct: float | None
    exact_pct: float | None
    error_state: Literal["success", "no_data"] = "success"
    note: str | None = None


def sprint_confidence(
    daily_throughput: Sequence[int], remaining: int, working_days: int, *, seed: int | Sequence[int], runs: int = RUNS
) -> SprintConfidence:
    """The share of `runs` simulations in which the days that are left complete what remains.

    Nothing left to do is certain, and no day left to do it in is hopeless, whatever the history. Raises `ValueError`
    for a negative count.
    """
    if remaining < 0 or working_days < 0 or any(count < 0 for count in daily_throughput):
        raise ValueError("remaining items, working days and daily throughput are counts and cannot be negative")
    sampled = len(daily_throughput)
    if remaining == 0:
        return SprintConfidence(0, working_days, sampled, 0, 100.0, 100.0, note="Nothing is left to do.")
    if working_days == 0:
        return SprintConfidence(remaining, 0, sampled, 0, 0.0, 0.0, note="No working day is left.")
    if not sampled:
        note = "No finished sprint yet: there is no daily throughput to draw from."
        return SprintConfidence(remaining, working_days, 0, 0, None, None, "no_data", note)
    simulated = 100 * _simulated(daily_throughput, remaining, working_days, runs, seed)
    exact = 100 * chance(daily_throughput, remaining, working_days)
    return SprintConfidence(remaining, working_days, sampled, runs, simulated, exact)


def _simulated(
    daily_throughput: Sequence[int], remaining: int, working_days: int, runs: int, seed: int | Sequence[int]
) -> float:
    history = np.asarray(daily_throughput, dtype=np.int64)
    drawn = np.random.default_rng(seed).integers(0, history.size, size=(runs, working_days))
    return float(np.mean(history[drawn].sum(axis=1) >= remaining))


def chance(daily_throughput: Sequence[int], remaining: int, working_days: int) -> float:
    """The probability (0 to 1) that `working_days` draws of a day add up to at least `remaining`, itself at least 1."""
    day = week_of(daily_throughput)
    too_few = np.ones(1)
    for _ in range(working_days):
        too_few = np.convolve(too_few, day)[:remaining]
    return float(np.clip(1.0 - too_few.sum(), 0.0, 1.0))
