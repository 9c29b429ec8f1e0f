"""Work items: from a ticket's own log to its stays in the stages and, once it is done, to its cycle.

In: a `TicketLog`, its changes in the order in which they were made. Out: `Stay` and `Cycle`, durations as exact
fractions of business days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import groupby

from tests.properties.reference.business_time import Calendar

# The stages in which an item is work in progress.
PIPELINE = frozenset({"ba", "dev", "code_review", "qa", "uat"})
# A status's stage, and whether it is active work.
StatusMapping = Mapping[str, tuple[str, bool]]


@dataclass(frozen=True)
class Change:
    """One entry of a ticket's changelog; None is a field that it leaves alone, "" one that it clears."""

    at: datetime
    status: str | None = None
    resolution: str | None = None
    flag: str | None = None


@dataclass
class TicketLog:
    """A ticket as it stands, and how it came there."""

    key: str
    ticket_type: str
    created: datetime
    first_status: str
    delivery_stream: str | None
    tech_streams: frozenset[str]
    points: float | None
    changes: list[Change] = field(default_factory=list)
    is_deleted: bool = False


@dataclass(frozen=True)
class Stay:
    """One uninterrupted time in a stage, active or waiting; the last one has no end."""

    stage: str | None
    is_active: bool | None
    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class Cycle:
    """The life of an item that is done; times are business days, None where work never began."""

    first_in_progress: datetime | None
    completed_at: datetime
    lead_time: Fraction
    cycle_time: Fraction | None
    active_time: Fraction | None
    wait_time: Fraction | None
    blocked_time: Fraction | None
    stage_durations: Mapping[str, Fraction]
    is_reopened: bool

    @property
    def flow_efficiency(self) -> Fraction | None:
        """Active time in percent of cycle time; unknown where there is no cycle time to divide by."""
        if not self.cycle_time or self.active_time is None:
            return None
        return self.active_time / self.cycle_time * 100


def at_once(changes: Iterable[Change]) -> Iterator[Change]:
    """Changes in order, those of one instant as one: of each field the last word counts."""
    for instant, together in groupby(changes, key=lambda change: change.at):
        merged: dict[str, str | None] = {"status": None, "resolution": None, "flag": None}
        for change in together:
            for name in merged:
                said = getattr(change, name)
                merged[name] = merged[name] if said is None else said
        yield Change(instant, **merged)


def stages(log: TicketLog, mappings: StatusMapping) -> Iterator[tuple[datetime, str | None, bool | None]]:
    """Where the ticket is from which instant on: creation and every change of status or resolution.

    Done is a status that is mapped so, or a resolution in any status that is not cancelled; leaving for a status that
    is mapped to anything else reopens it. Of a status that nobody mapped only the resolution tells something.
    """
    status, is_resolved = log.first_status, False
    for change in [Change(log.created, status=log.first_status), *at_once(log.changes)]:
        if change.status is None and change.resolution is None:
            continue
        status = status if change.status is None else change.status
        is_resolved = is_resolved if change.resolution is None else change.resolution != ""
        stage, is_active = mappings.get(status, (None, None))
        if stage == "done":
            is_done = True
        elif stage == "cancelled":
            is_done = False
        elif change.resolution is not None:
            is_done = change.resolution != ""
        else:
            is_done = stage is None and is_resolved
        yield (change.at, "done", False) if is_done else (change.at, stage, is_active)


def stays(log: TicketLog, mappings: StatusMapping) -> list[Stay]:
    """The ticket's stays: no two neighbours alike, none without length but the last.

    Of what happens at one instant the completion comes last: a ticket made in a done status and moved on in the same
    instant is done.
    """
    entered: list[tuple[datetime, str | None, bool | None]] = []
    for instant, stage, is_active in stages(log, mappings):
        if entered and entered[-1][0] == instant:
            if entered[-1][1] == "done":
                continue
            entered.pop()
        if not entered or entered[-1][1:] != (stage, is_active):
            entered.append((instant, stage, is_active))
    ends = [*(instant for instant, _, _ in entered[1:]), None]
    return [Stay(stage, is_active, start, end) for (start, stage, is_active), end in zip(entered, ends, strict=True)]


def blocked_spans(log: TicketLog) -> Iterator[tuple[datetime, datetime | None]]:
    """From each flag to the next word about flags."""
    flags = [change for change in at_once(log.changes) if change.flag is not None]
    for number, change in enumerate(flags):
        if change.flag:
            yield change.at, flags[number + 1].at if number + 1 < len(flags) else None


def cycle(log: TicketLog, mappings: StatusMapping, calendar: Calendar) -> Cycle | None:
    """The cycle of a ticket that is done; None of one that is not, or was deleted."""
    lived = stays(log, mappings)
    if lived[-1].stage != "done" or log.is_deleted:
        return None
    completed_at = lived[-1].start
    begun = [stay.start for stay in lived if stay.stage in PIPELINE and stay.is_active]
    start = min(begun, default=None)
    lead_time = calendar.business_days(log.created, completed_at)
    is_reopened = any(stay.stage == "done" for stay in lived[:-1])
    if start is None:
        return Cycle(None, completed_at, lead_time, None, None, None, None, {}, is_reopened)
    durations: defaultdict[str, Fraction] = defaultdict(Fraction)
    times = {True: Fraction(0), False: Fraction(0)}
    for stay in lived[:-1]:
        if stay.start >= start and stay.end is not None:
            spent = calendar.business_days(stay.start, stay.end)
            times[bool(stay.is_active)] += spent
            durations[duration_name(stay)] += spent
    blocked = Fraction(0)
    for from_, to in blocked_spans(log):
        from_, to = max(from_, start), min(to or completed_at, completed_at)
        blocked += calendar.business_days(from_, to) if to > from_ else 0
    return Cycle(
        start, completed_at, lead_time, times[True] + times[False], times[True], times[False], blocked, durations,
        is_reopened,
    )  # fmt: skip


def duration_name(stay: Stay) -> str:
    """The stage's own name for work in it, `<stage>_queue` for waiting."""
    if stay.stage is None:
        return "unmapped"
    return stay.stage if stay.is_active else f"{stay.stage}_queue"
