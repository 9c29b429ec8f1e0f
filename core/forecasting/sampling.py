"""The sampling model of 004 §6.5.1, simulated and worked out exactly.

In: completed items per week and the number of items that remain. Every future week draws one past week at
random, each as likely as the others, until the items are done. Out: arrays in which place k-1 is the probability
that all is done by the end of week k; no array is longer than `HORIZON_WEEKS`. No database and no clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50, 70, 85, 95)
# Twenty years. A distribution that has not ended by then says nothing that a person could plan with,
# and without an end a history of eleven zero weeks and a one would be followed for millennia.
HORIZON_WEEKS = 1040
# The exact distribution is followed until this little of it is left.
TAIL = 1e-9
# For rounding: six of twelve weeks, added up, must reach one half.
ROUNDING = 1e-9

Distribution = NDArray[np.float64]
# Place n is the probability that a week completes n items.
Week = NDArray[np.float64]

# The weeks that one random number stands for: as many as fit into sixteen bits for a history of twelve weeks and
# leave a table that fits into a processor's cache. It saves two of three random numbers.
_BLOCK = 3
_LONGEST_BLOCK_HISTORY = 40
# The weeks between two long convolutions; the weeks in between follow from each by one matrix product.
_STRIDE = 8


def nothing() -> Distribution:
    """The distribution of a forecast that has none."""
    return np.empty(0)


def week_of(samples: Sequence[int] | NDArray[np.int64]) -> Week:
    """How likely a week is to complete 0, 1, 2, … items, where each of `samples` is as likely as the others."""
    return np.bincount(np.asarray(samples, dtype=np.int64)) / len(samples)


def simulate(samples: Sequence[int], scope: int, *, runs: int, seed: int | Sequence[int]) -> Distribution:
    """Share of `runs` simulations that are done by the end of week 1, 2, …

    Every week of every run draws one of `samples` at random, until the run has completed `scope` items.
    Ends when all runs have, or at the horizon. Needs a scope of at least 1.
    """
    generator = np.random.default_rng(seed)
    history = np.asarray(samples, dtype=np.int64)
    block = _BLOCK if history.size <= _LONGEST_BLOCK_HISTORY else 1
    totals = _totals_of_blocks(history, block)
    completed = np.zeros(runs, dtype=np.int64)
    left: list[int] = []
    # Before this week no run can be done, so none is looked for.
    earliest_week = -(-scope // max(int(history.max()), 1))
    while completed.size and len(left) < HORIZON_WEEKS:
        # One even draw among all sequences of `block` weeks is `block` independent draws of a week.
        drawn = generator.integers(0, history.size**block, size=completed.size, dtype=np.uint16)
        for total in totals[:-1]:
            is_too_early = len(left) + 1 < earliest_week
            left.append(completed.size if is_too_early else _count_below(completed + total.take(drawn), scope))
        completed += totals[-1].take(drawn)
        if len(left) + 1 >= earliest_week:
            completed = completed[completed < scope]
        left.append(completed.size)
    if not completed.size and 0 in left:
        left = left[: left.index(0) + 1]
    return (runs - np.asarray(left[:HORIZON_WEEKS], dtype=np.float64)) / runs


def _totals_of_blocks(history: NDArray[np.int64], block: int) -> list[NDArray[np.int64]]:
    """For each number of weeks up to `block` the items completed after them, by the number of the sequence."""
    totals = [history]
    for _ in range(block - 1):
        totals.append(np.add.outer(totals[-1], history).ravel())
    return [np.repeat(total, history.size**block // total.size) for total in totals]


def _count_below(values: NDArray[np.int64], limit: int) -> int:
    return int(np.count_nonzero(values < limit))


def exact_distribution(samples: Sequence[int], scope: int) -> Distribution:
    """Probability that `scope` items are done by the end of week 1, 2, …, in the model that `simulate` draws from.

    Needs a scope of at least 1.
    """
    return completion(week_of(samples), scope)


def completion(week: Week, scope: int, *, first_weeks: Sequence[Week] = (), tail: float = TAIL) -> Distribution:
    """Probability that `scope` items are done by the end of week 1, 2, …, where the first weeks may be others.

    The completed count after k weeks is distributed as the convolution of the k weeks' counts; what lies below
    `scope` is the probability of not being done. Ends where no more than `tail` is left, or at the horizon. Needs a
    scope of at least 1.
    """
    unfinished: Distribution = np.ones(1)
    left: list[float] = []
    for one in first_weeks[:HORIZON_WEEKS]:
        unfinished = np.convolve(unfinished, one)[:scope]
        left.append(float(unfinished.sum()))
        if left[-1] < tail:
            break
    else:
        left.extend(_follow(week, scope, unfinished, HORIZON_WEEKS - len(left), tail))
    return np.clip(1.0 - np.asarray(left), 0.0, 1.0)


def _follow(week: Week, scope: int, unfinished: Distribution, weeks: int, tail: float) -> list[float]:
    """What is left of `unfinished` after each of up to `weeks` more weeks.

    After a state and i weeks more, what is left is the sum over the state's counts n of the probability that i weeks
    complete fewer than `scope` - n. Those probabilities are the same for every state, so long convolutions are needed
    at every eighth week only.
    """
    if (len(week) - 1) * weeks + len(unfinished) - 1 < scope:
        return [float(unfinished.sum())] * weeks
    below = np.empty((_STRIDE, scope))
    several: Distribution = np.ones(1)
    for row in below:
        several = np.convolve(several, week)[:scope]
        np.cumsum(several, out=row[: several.size])
        row[several.size :] = row[several.size - 1]
    # Column n: fewer than `scope` - n.
    fewer = below[:, ::-1]
    left: list[float] = []
    while len(left) < weeks:
        block = fewer[:, : unfinished.size] @ unfinished
        left.extend(block.tolist())
        if block[-1] < tail:
            break
        unfinished = np.convolve(unfinished, several)[:scope]
    ended = next((index for index, value in enumerate(left) if value < tail), len(left) - 1)
    return left[: min(ended + 1, weeks)]


def percentile_weeks(distribution: Distribution) -> dict[int, int]:
    """For each percentile p the smallest week k with F(k) ≥ p; percentiles that are never reached are absent."""
    found: dict[int, int] = {}
    for percentile in PERCENTILES:
        reached = np.flatnonzero(distribution >= percentile / 100 - ROUNDING)
        if reached.size:
            found[percentile] = int(reached[0]) + 1
    return found
