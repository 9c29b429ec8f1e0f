"""What is true of the demo's work items, worked out from the simulation, without SQL.

In: tickets of a history. Out: for each one its stream, its stage, its times. The definitions are those of
the metric catalogue; business time is counted here by walking over the days, a second way on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from ingestion.demo.company import DISPLAY_NAME, PROJECT_OF, PROJECTS, STEPS
from ingestion.demo.history import PullRequest, Ticket

_STREAM_NAMES = {spelling.lower(): name for name in DISPLAY_NAME for spelling in (name, DISPLAY_NAME[name])}
_ACTIVE_STAGES = ("ba", "dev", "code_review", "qa", "uat")
# Specification 004 §5.3.4; the body may hold the key anywhere.
_KEY_AT_START = re.compile(r"^(?:feature|bugfix|hotfix|chore|spike)?/?([A-Z][A-Z0-9]+-\d+)")
_KEY_ANYWHERE = re.compile(r"\b([A-Z][A-Z0-9]+-\d+)\b")
_PROJECT_KEYS = frozenset(project.key for project in PROJECTS)


@dataclass(frozen=True, slots=True)
class ItemTruth:
    """One ticket at the end of the history; days are business days."""

    key: str
    project: str
    delivery_stream: str | None
    tech_streams: tuple[str, ...]
    stage: str | None  # None in a status that nobody mapped
    is_active_work: bool
    is_blocked: bool
    is_deleted: bool
    created_at: int
    first_in_progress: int | None
    completed_at: int | None
    stages: tuple[tuple[int, str | None], ...]  # since when it was in which stage
    lead_time_days: float | None
    cycle_time_days: float | None
    flow_efficiency_pct: float | None


def item_truth(ticket: Ticket, holidays: Collection[date]) -> ItemTruth:
    """The truth about one ticket."""
    stays = _stays(ticket)
    _, last_step = stays[-1]
    stage, is_active = STEPS.get(last_step, (None, False))
    started = next((at for at, step in stays if _is_work(step)), None)
    completed = stays[-1][0] if stage == "done" else None
    cycle = efficiency = None
    if started is not None and completed is not None:
        cycle = business_days(started, completed, holidays)
        active = sum(business_days(at, ends, holidays) for (at, step), (ends, _) in pairwise(stays) if _is_work(step))
        efficiency = active / cycle * 100 if cycle > 0 else None
    return ItemTruth(
        key=ticket.key,
        project=ticket.project,
        delivery_stream=_delivery_stream(ticket),
        tech_streams=_tech_streams(ticket),
        stage=stage,
        is_active_work=is_active,
        is_blocked=bool(ticket.latest("flagged")),
        is_deleted=ticket.deleted_at is not None,
        created_at=ticket.created_at,
        first_in_progress=started,
        completed_at=completed,
        stages=tuple((at, STEPS.get(step, (None, False))[0]) for at, step in stays),
        lead_time_days=None if completed is None else business_days(ticket.created_at, completed, holidays),
        cycle_time_days=cycle,
        flow_efficiency_pct=efficiency,
    )


def linked_ticket(pull_request: PullRequest, known: Mapping[str, object]) -> str | None:
    """The ticket that a pull request names: in its branch, else its title, else its body."""
    candidates = [
        *_KEY_AT_START.findall(pull_request.branch),
        *_KEY_AT_START.findall(pull_request.title),
        *_KEY_ANYWHERE.findall(pull_request.body or ""),
    ]
    for key in candidates:
        if key.split("-")[0] in _PROJECT_KEYS:
            return str(key) if key in known else None
    return None


def business_days(started: int, ended: int, holidays: Collection[date]) -> float:
    """Days between two instants with weekends and holidays cut out; a day is 24 hours, in UTC."""
    start, end = (datetime.fromtimestamp(instant, UTC) for instant in (started, ended))
    seconds = 0.0
    day = start.date()
    while day <= end.date():
        if day.weekday() < 5 and day not in holidays:
            opens = datetime(day.year, day.month, day.day, tzinfo=UTC)
            closes = opens + timedelta(days=1)
            seconds += (min(end, closes) - max(start, opens)).total_seconds()
        day += timedelta(days=1)
    return seconds / 86_400


def _stays(ticket: Ticket) -> list[tuple[int, str]]:
    """When the ticket entered which step, the first one at its creation."""
    moves = [
        (event.at, str(change.after)) for event in ticket.events for change in event.changes if change.field == "status"
    ]
    return [(ticket.created_at, "backlog"), *moves]


def _is_work(step: str) -> bool:
    stage, is_active = STEPS.get(step, ("", False))
    return is_active and stage in _ACTIVE_STAGES


def _delivery_stream(ticket: Ticket) -> str | None:
    """The first of the project's methods that yields a stream."""
    project = PROJECT_OF[ticket.project]
    named = {
        "field": [ticket.latest("delivery_stream")],
        "project": [project.project_stream],
        "label": ticket.latest("labels"),
        "component": ticket.latest("components"),
    }
    for method in project.stream_methods:
        for value in named[method]:
            if value is not None and value.lower() in _STREAM_NAMES:
                return _STREAM_NAMES[value.lower()]
    return None


def _tech_streams(ticket: Ticket) -> tuple[str, ...]:
    """The field's streams; where it is empty, those of the pull requests that name the ticket."""
    field = ticket.latest("tech_streams")
    if field:
        return tuple(sorted(field))
    known = {ticket.key: ticket}
    found = {
        each.repository.tech_stream.name for each in ticket.pull_requests if linked_ticket(each, known) == ticket.key
    }
    return tuple(sorted(found))
