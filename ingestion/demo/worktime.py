"""The company's clock: which days are worked, and when people are at work.

In: the first and the last day, and the public holidays. Out: conversions between *work seconds*
(seconds of office hours since the first day; the simulation runs on them, so that nobody works
at night) and *instants* (seconds since the epoch, UTC; everything that leaves the simulation).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

MINUTE = 60
HOUR = 3600
DAY = 86_400
OPENS_AT = 9 * HOUR
HOURS_A_DAY = 8
WORK_DAY = HOURS_A_DAY * HOUR


def midnight(day: date) -> int:
    """The instant at which a day begins, in UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def day_of(instant: int) -> date:
    """The UTC day of an instant."""
    return datetime.fromtimestamp(instant, UTC).date()


class WorkCalendar:
    """Office hours of business days; weekends and holidays do not exist in work seconds."""

    def __init__(self, first: date, last: date, holidays: Collection[date]) -> None:
        """`first` and `last` are included; conversions beyond `last` raise `IndexError`."""
        closed = frozenset(holidays)
        every_day = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        self.days = [day for day in every_day if day.weekday() < 5 and day not in closed]
        self._midnights = [midnight(day) for day in self.days]

    def instant(self, work_seconds: float) -> int:
        """When the clock on the wall shows that many work seconds."""
        index, within = divmod(work_seconds, WORK_DAY)
        return self._midnights[int(index)] + OPENS_AT + int(within)

    def work_seconds(self, instant: int) -> float:
        """Work seconds that have passed at an instant."""
        index = bisect_right(self._midnights, instant) - 1
        if index < 0:
            return 0.0
        within = min(max(instant - self._midnights[index] - OPENS_AT, 0), WORK_DAY)
        return float(index * WORK_DAY + within)

    def is_business_day(self, day: date) -> bool:
        """Whether people work on that day."""
        index = bisect_right(self.days, day) - 1
        return index >= 0 and self.days[index] == day
