"""How many examples are tried, and how an example is dealt out over builds.

One example is a whole company, since a build takes seconds; each life in it follows from a number of its own, so that a
failing row names the one life that it came from. `DPP_TEST_EXAMPLES=50` asks for a long run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

T = TypeVar("T")
SEEDS = st.integers(0, 2**32 - 1)


def a_few_examples(usual: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same examples in every run, and no search for a smaller one: each try is several builds."""
    wanted = int(os.environ.get("DPP_TEST_EXAMPLES", usual))
    return hypothesis_settings(
        max_examples=wanted,
        derandomize=wanted == usual,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )


def lives(count: int) -> st.SearchStrategy[list[int]]:
    """Seeds of about so many lives."""
    return st.lists(SEEDS, min_size=count, max_size=count + 10, unique=True)


def dealt_out(things: Sequence[T], seed: int, builds: int) -> list[list[T]]:
    """The things in a random order of arrival, some of them twice, cut into so many builds of any size."""
    chance = random.Random(seed)
    arrivals = [*things, *(thing for thing in things if chance.random() < 0.1)]
    chance.shuffle(arrivals)
    cuts = sorted(chance.randrange(len(arrivals) + 1) for _ in range(builds - 1))
    return [arrivals[from_:to] for from_, to in zip([0, *cuts], [*cuts, len(arrivals)], strict=True)]
