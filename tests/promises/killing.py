"""Kill a process at random points, again and again.

In: a function that can be pickled and its arguments. The children are forked from a process that has imported
everything and holds no connection, so one of them costs milliseconds, and a kill hits the work and not the imports.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from typing import Any

PRELOADED = ["ingestion.load", "ingestion.pipelines", "tests.promises.workers"]
LIMIT_SECONDS = 120


def run_to_the_end(work: Callable[..., None], *arguments: Any) -> float:
    """Run the work in a child without disturbance; returns how long it took, in seconds."""
    started = time.monotonic()
    child = start(work, *arguments)
    child.join(LIMIT_SECONDS)
    assert child.exitcode == 0, f"the quiet run ended with {child.exitcode}"
    return time.monotonic() - started


def kill_at_random(
    work: Callable[..., None],
    *arguments: Any,
    times: int,
    within_seconds: float,
    seed: int,
    at_the_end: Callable[[], None],
) -> None:
    """SIGKILL the work `times` times while it runs, each time within `within_seconds` of its start.

    Each run goes on from what the killed one left. One that was quicker than its kill has come to the end:
    `at_the_end` looks at what it made, and clears the table for the next.
    """
    dice = random.Random(seed)
    deadline = time.monotonic() + LIMIT_SECONDS
    killed = 0
    while killed < times:
        assert time.monotonic() < deadline, f"only {killed} of {times} kills hit a running process"
        child = start(work, *arguments)
        child.join(dice.uniform(0, within_seconds))
        if child.is_alive():
            child.kill()
            child.join()
            killed += 1
        else:
            assert child.exitcode == 0, f"a run after {killed} kills ended with {child.exitcode}"
            at_the_end()


def start(work: Callable[..., None], *arguments: Any) -> multiprocessing.process.BaseProcess:
    """The work in a child of its own, whose output goes nowhere."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    child = context.Process(target=_quietly, args=(work, *arguments))
    child.start()
    return child


def _quietly(work: Callable[..., None], *arguments: Any) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    work(*arguments)
