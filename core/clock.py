"""The one place that reads the wall clock.

In: nothing, or an instant to stand still at. Out: aware UTC datetimes.
Everything else asks `now()`, so a test can stop time with `stopped_at`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_stopped: datetime | None = None


def now() -> datetime:
    """The current instant, in UTC, or the instant at which `stopped_at` holds the clock."""
    return _stopped or datetime.now(UTC)


@contextmanager
def stopped_at(instant: datetime) -> Iterator[datetime]:
    """Hold the clock at `instant` (aware) for the length of the block; not for concurrent use."""
    if instant.tzinfo is None:
        raise ValueError(f"stopped_at needs an aware datetime, not {instant!r}")
    global _stopped
    before, _stopped = _stopped, instant.astimezone(UTC)
    try:
        yield _stopped
    finally:
        _stopped = before
