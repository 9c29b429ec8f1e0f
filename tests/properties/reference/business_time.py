"""Business time, day by day: weekends and holidays cut out, in the organisation's time zone.

In: two instants. Out: business days, a day being 24 hours of elapsed business time.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

DAY_SECONDS = 86_400
SATURDAY = 5


@dataclass(frozen=True)
class Calendar:
    """A time zone and the days in it on which nobody works."""

    zone: ZoneInfo
    holidays: Set[date]

    def midnight(self, day: date) -> datetime:
        """The instant at which a day begins; where the clocks skip midnight, the instant of the skip."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def day_of(self, instant: datetime) -> date:
        """The day on the organisation's wall calendar."""
        return instant.astimezone(self.zone).date()

    def is_business_day(self, day: date) -> bool:
        """Monday to Friday, and no holiday."""
        return day.weekday() < SATURDAY and day not in self.holidays

    def business_days(self, start: datetime, end: datetime) -> Fraction:
        """Business time between two instants of which the first is the earlier one, in days."""
        seconds = Fraction(0)
        day = self.day_of(start)
        while day <= self.day_of(end):
            if self.is_business_day(day):
                from_, to = max(start, self.midnight(day)), min(end, self.midnight(day + timedelta(days=1)))
                if to > from_:
                    seconds += Fraction((to - from_) // timedelta(microseconds=1), 1_000_000)
            day += timedelta(days=1)
        return seconds / DAY_SECONDS
