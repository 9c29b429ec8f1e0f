"""How far a build is: the one who builds reports, the one who shows listens.

In: steps reported from inside a Dagster run in this process. Out: calls of the listeners. Without a
listener (a run that Dagster's daemon started) reporting does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """`done` of `total` things are finished; `name` is the latest."""

    done: int
    total: int
    name: str


Listener = Callable[[Step], None]
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear every step that is reported in this process for the length of the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def report(step: Step) -> None:
    """Tell the listeners."""
    for listener in _listeners:
        listener(step)
