"""Chance, in one place: a thin and readable face of numpy's random generator.

In: a seed and the name of the part that rolls. Out: samples. Each part has a stream of its own,
so that a change in one part of the simulation does not shuffle all the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from ingestion.demo.worktime import HOUR, MINUTE

T = TypeVar("T")


class Dice:
    """Random draws; the same seed and purpose give the same draws."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._random = np.random.default_rng([seed, zlib.crc32(purpose.encode())])

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return bool(self._random.random() < probability)

    def between(self, low: float, high: float) -> float:
        """Any number from low to high, all equally likely."""
        return low + (high - low) * float(self._random.random())

    def minutes(self, low: float, high: float) -> float:
        """Seconds, of a time between so many minutes."""
        return self.between(low, high) * MINUTE

    def hours(self, median: float, spread: float = 0.6) -> float:
        """Seconds, of a right-skewed time with that median in hours (log-normal)."""
        return median * HOUR * float(np.exp(spread * self._random.standard_normal()))

    def gap(self, mean_seconds: float) -> float:
        """Seconds until the next of events that come at random (exponential)."""
        return float(self._random.exponential(mean_seconds))

    def number(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int((high - low + 1) * float(self._random.random()))

    def pick(self, values: Sequence[T]) -> T:
        """One of the values."""
        return values[int(len(values) * float(self._random.random()))]

    def weighted(self, weights: Mapping[T, float] | Sequence[tuple[T, float]]) -> T:
        """One of the keys, by weight; the weights need not add up to one."""
        pairs = tuple(weights.items()) if isinstance(weights, Mapping) else tuple(weights)
        mark = float(self._random.random()) * sum(weight for _, weight in pairs)
        for value, weight in pairs:
            mark -= weight
            if mark < 0:
                return value
        return pairs[-1][0]
