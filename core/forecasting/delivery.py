"""When will the remaining work be done? Pure functions over weekly throughput (004 §6.5.1).

In: completed items per week (oldest first, zero weeks included, the unfinished week left out) and
the number of items that remain. Out: the distribution of the week in which the last one is done,
by simulation and, for the same sampling model, exactly. No database and no clock, so a notebook
can use this module as it is. Week k is the k-th week after the forecast date and ends 7·k days later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from core.forecasting.sampling import (
    HORIZON_WEEKS,
    PERCENTILES,
    Distribution,
    exact_distribution,
    nothing,
    percentile_weeks,
    simulate,
)

SAMPLE_WEEKS = 12
MINIMUM_WEEKS = 6

Method = Literal["monte_carlo", "linear", "none"]


@dataclass(frozen=True)
class Forecast:
    """One answer: dates as weeks from the forecast date, and the distribution that they come from.

    `weeks` maps a percentile to its week (0: nothing is left to do); a percentile that the method does not
    yield, or that lies beyond the horizon, is absent. These are the weeks to tell people: of the exact distribution,
    since ten thousand simulations name one of the four weeks wrong in a fifth of all cases (docs/forecasts.md).
    `simulated_weeks` are the simulation's. `simulated[k-1]` and `exact[k-1]` are the probabilities that all is done
    by the end of week k.
    """

    method: Method
    scope: int
    samples: tuple[int, ...]
    simulation_runs: int = 0
    note: str | None = None
    weeks: Mapping[int, int] = field(default_factory=dict)
    simulated_weeks: Mapping[int, int] = field(default_factory=dict)
    simulated: Distribution = field(default_factory=nothing)
    exact: Distribution = field(default_factory=nothing)

    def completion_date(self, percentile: int, forecast_date: date) -> date | None:
        """End of the percentile's week, or None where there is no such percentile."""
        week = self.weeks.get(percentile)
        return None if week is None else week_end(week, forecast_date)


def forecast_delivery(
    weekly_throughput: Sequence[int], scope: int, *, runs: int, seed: int | Sequence[int]
) -> Forecast:
    """Forecast the delivery of `scope` items from the trailing twelve weeks of `weekly_throughput`.

    Six weeks or more give the simulation; fewer give a straight line without an interval; weeks in which
    nothing was completed give no forecast, and the reason. Same inputs and seed, same answer.
    Raises `ValueError` for a negative scope or throughput.
    """
    samples = tuple(int(count) for count in weekly_throughput[-SAMPLE_WEEKS:])
    if scope < 0 or any(count < 0 for count in samples):
        raise ValueError("scope and weekly throughput are counts and cannot be negative")
    if not samples:
        return Forecast("none", scope, samples, note="No full week of completed work yet: nothing to forecast from.")
    if len(samples) < MINIMUM_WEEKS:
        return _linear_projection(samples, scope)
    if scope == 0:
        done_now = dict.fromkeys(PERCENTILES, 0)
        return Forecast(
            "monte_carlo", scope, samples, note="Nothing is left to do.", weeks=done_now, simulated_weeks=done_now
        )
    if not any(samples):
        return _nothing_completed(samples, scope)
    simulated = simulate(samples, scope, runs=runs, seed=seed)
    exact = exact_distribution(samples, scope)
    weeks = percentile_weeks(exact)
    note = None if len(weeks) == len(PERCENTILES) else f"Some dates lie more than {HORIZON_WEEKS // 52} years ahead."
    return Forecast("monte_carlo", scope, samples, runs, note, weeks, percentile_weeks(simulated), simulated, exact)


def week_end(week: int, forecast_date: date) -> date:
    """The day on which week `week` after `forecast_date` ends."""
    return forecast_date + timedelta(days=7 * week)


def _linear_projection(samples: tuple[int, ...], scope: int) -> Forecast:
    missing = MINIMUM_WEEKS - len(samples)
    completed = sum(samples)
    if scope > 0 and completed == 0:
        return _nothing_completed(samples, scope)
    # In whole numbers, so that 30 items at 10 a week are three weeks and not, by rounding, four.
    weeks = -(-scope * len(samples) // completed) if scope else 0
    note = (
        f"Low confidence: a straight line through {len(samples)} of the {MINIMUM_WEEKS} weeks needed; "
        f"{missing} more {'week' if missing == 1 else 'weeks'} of data until the probabilistic forecast."
    )
    if weeks > HORIZON_WEEKS:
        return Forecast("none", scope, samples, note=f"At this pace the end is over {HORIZON_WEEKS // 52} years ahead.")
    return Forecast("linear", scope, samples, note=note, weeks={50: weeks})


def _nothing_completed(samples: tuple[int, ...], scope: int) -> Forecast:
    count = len(samples)
    note = f"Nothing was completed in the last {count} {'week' if count == 1 else 'weeks'}, so no end can be foreseen."
    return Forecast("none", scope, samples, note=note)
