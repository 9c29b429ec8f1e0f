"""When the story happens: everything that moves with the instant at which the history ends.

In: the end and the length. Out: calendar, sprints, holidays and the three dates that the story turns on.
The sprint that is under way at the end is always three to seven working days old, so that a demo
that is loaded on any day of the week has something to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import holidays as public_holidays

from ingestion.demo.company import DELIVERY_STREAMS
from ingestion.demo.worktime import DAY, WorkCalendar, midnight

SPRINT_DAYS = 14
MONTHS = 18
_DAYS_A_MONTH = 30.4375
_FIRST_SPRINT_ID = 100
# Fractions of the whole period.
_RENAMED = 0.16
_REORGANISED = 0.62
_QA_SHRINKS = 0.72
# Nothing is simulated after the end, but work that is under way then has a planned end.
_CALENDAR_BEYOND_END = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Sprint:
    """Two weeks of one delivery stream, Monday to the second Friday."""

    jira_id: int
    board_id: int
    stream: str
    name: str
    starts: date
    ends: date
    state: str  # future, active or closed, at the end of the history
    goal: str


@dataclass(frozen=True, slots=True)
class Period:
    """The stretch of time of one history; instants are seconds since the epoch."""

    start: int
    end: int
    calendar: WorkCalendar
    holidays: dict[date, str]
    sprint_starts: tuple[date, ...]  # the last one is the active sprint's
    sprints: tuple[Sprint, ...]  # in time order, the coming one included
    renamed_at: int
    reorganised_at: int
    qa_shrinks_at: int

    @property
    def end_at(self) -> datetime:
        """The end as a datetime."""
        return datetime.fromtimestamp(self.end, UTC)


def period_ending(end: datetime, months: int = MONTHS) -> Period:
    """The period of `months` up to `end` (aware). Raises `ValueError` for a naive end or under 3 months."""
    if end.tzinfo is None:
        raise ValueError(f"the demo's end needs a time zone: {end!r}")
    if months < 3:
        raise ValueError(f"the demo's story needs at least 3 months, not {months}")
    last = int(end.timestamp())
    today = datetime.fromtimestamp(last, UTC).date()
    monday = today - timedelta(days=today.weekday())
    current = monday if today.weekday() >= 3 else monday - timedelta(days=7)
    count = round(months * _DAYS_A_MONTH / SPRINT_DAYS)
    starts = tuple(current - timedelta(days=SPRINT_DAYS * back) for back in range(count, -1, -1))
    first = midnight(starts[0])
    closed = _holidays(starts[0], today)
    calendar = WorkCalendar(starts[0], today + _CALENDAR_BEYOND_END, closed)
    span = last - first
    return Period(
        start=first,
        end=last,
        calendar=calendar,
        holidays=closed,
        sprint_starts=starts,
        sprints=tuple(_sprints(starts)),
        # In the evening, when bulk edits disturb nobody.
        renamed_at=_evening(first + int(span * _RENAMED)),
        reorganised_at=_evening(first + int(span * _REORGANISED)),
        qa_shrinks_at=_evening(first + int(span * _QA_SHRINKS)),
    )


def _evening(instant: int) -> int:
    return instant - instant % DAY + 18 * 3600


def _holidays(first: date, last: date) -> dict[date, str]:
    years = range(first.year, last.year + 2)
    found = public_holidays.country_holidays("GB", subdiv="ENG", years=years, language="en_GB")
    return {day: name for day, name in sorted(found.items()) if day >= first}


def _sprints(starts: tuple[date, ...]) -> list[Sprint]:
    coming = starts[-1] + timedelta(days=SPRINT_DAYS)
    sprints = []
    for index, starts_on in enumerate((*starts, coming)):
        state = "future" if starts_on == coming else "active" if starts_on == starts[-1] else "closed"
        for board, stream in enumerate(DELIVERY_STREAMS):
            sprints.append(
                Sprint(
                    jira_id=_FIRST_SPRINT_ID + index * len(DELIVERY_STREAMS) + board,
                    board_id=board + 1,
                    stream=stream.name,
                    name=f"{stream.project_key} Sprint {index + 1}",
                    starts=starts_on,
                    ends=starts_on + timedelta(days=SPRINT_DAYS - 3),
                    state=state,
                    goal="" if index % 3 else f"{stream.display_name}: finish what is started",
                )
            )
    return sprints
