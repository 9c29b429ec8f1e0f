"""The work items of all teams as one queueing network, played event by event on the office clock.

In: the period, dice and the review desk. Out: tickets with their whole life up to the end.

Each team has a line and a number of people for analysis, development, testing and acceptance. An
item waits in the line (a queue status) until somebody is free, is worked on (an active status), and
goes on. Reviews are not a station: an item leaves code review when its last pull request is merged.
The auth people are one station that three teams share; whoever has to wait there is flagged.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count

from ingestion.demo.births import Births, Plan
from ingestion.demo.company import AUTH, DATA_LAYER, DELIVERY_STREAMS, INFRA, PROJECT_OF, Repository
from ingestion.demo.dice import Dice
from ingestion.demo.history import Change, Ticket
from ingestion.demo.period import Period, Sprint
from ingestion.demo.reviews import ABANDONED, ReviewDesk
from ingestion.demo.teams import (
    AUTH_AUTHORING_HOURS,
    AUTH_CAPACITY,
    AUTH_LONGEST_LINE,
    BA_HOURS,
    BULK_CLOSED_ON_WEEKEND,
    CAUTIOUS_PACE,
    DEV_HOURS,
    HANDOVER_HOURS,
    IMPEDED,
    INITIAL_BACKLOG,
    LONG_LINE,
    ON_HOLD,
    QA_HOURS,
    QA_SENDS_BACK,
    REOPENED,
    TEAMS,
    UAT_HOURS,
    Team,
)
from ingestion.demo.worktime import DAY, HOUR, MINUTE, OPENS_AT, WORK_DAY, day_of, midnight

Action = Callable[..., None]
# Share of the development that is done when somebody notices that auth has to change, too.
BEFORE_AUTH = 0.35


class Station:
    """People of one trade and the line before them."""

    def __init__(self, people: int) -> None:
        self.people = people
        self.busy = 0
        self.line: deque[Plan] = deque()

    @property
    def is_congested(self) -> bool:
        """Whether somebody who comes now has to wait."""
        return self.busy >= self.people


class Flow:
    """The event loop. Time is in work seconds throughout; instants appear only in what is recorded."""

    def __init__(self, period: Period, seed: int, desk: ReviewDesk, births: Births) -> None:
        self.tickets: list[Ticket] = []
        self._period = period
        self._dice = Dice(seed, "flow")
        self._desk = desk
        self._births = births
        self._now = 0.0
        self._order = count()
        self._agenda: list[tuple[float, int, Action, tuple[object, ...]]] = []
        self._auth = Station(AUTH_CAPACITY)
        self._stations = {
            (team.stream, stage): Station(people) for team in TEAMS for stage, people in team.people.items()
        }
        self._backlog: dict[str, list[Plan]] = {team.stream: [] for team in TEAMS}
        self._in_sprint: dict[str, list[Plan]] = {team.stream: [] for team in TEAMS}
        self._streams = {stream.name: stream for stream in DELIVERY_STREAMS}

    def run(self) -> list[Ticket]:
        """Play the whole period; the tickets in the order of their creation."""
        for team in TEAMS:
            for _ in range(INITIAL_BACKLOG):
                self._at(self._dice.minutes(5, 60), self._arrive, team, False)
            self._at(self._dice.gap(WORK_DAY / team.arrivals_per_day), self._arrive, team, True)
            for stage, people in team.people_after_qa_shrinks.items():
                when = self._period.calendar.work_seconds(self._period.qa_shrinks_at)
                self._at(when, self._resize, self._stations[team.stream, stage], people)
        for starts in self._period.sprint_starts:
            self._at(self._period.calendar.work_seconds(midnight(starts) + OPENS_AT + HOUR), self._plan_sprints, starts)
        while self._agenda:
            self._now, _, action, arguments = heapq.heappop(self._agenda)
            if self._period.calendar.instant(self._now) > self._period.end:
                break
            action(*arguments)
        return self.tickets

    # --- the loop's own tools ---

    def _at(self, when: float, action: Action, *arguments: object) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), action, arguments))

    def _after(self, delay: float, action: Action, *arguments: object) -> None:
        self._at(self._now + delay, action, *arguments)

    def _record(self, plan: Plan, *changes: Change) -> None:
        plan.ticket.record(self._period.calendar.instant(self._now), *changes)

    def _move(self, plan: Plan, step: str, *more: Change) -> None:
        self._record(plan, Change("status", plan.ticket.latest("status"), step), *more)

    def _resolution(self, plan: Plan, name: str | None) -> tuple[Change, ...]:
        """The change of the resolution, where the project's workflow sets one."""
        if not PROJECT_OF[plan.ticket.project].sets_resolution:
            return ()
        return (Change("resolution", plan.ticket.latest("resolution"), name),)

    # --- arrivals and planning ---

    def _arrive(self, team: Team, is_stream: bool) -> None:
        instant = self._period.calendar.instant(self._now)
        plan = self._births.make(team, self._streams[team.stream], instant)
        self.tickets.append(plan.ticket)
        if plan.attributed_to is not None:
            self._after(self._dice.hours(12.0), self._attribute, plan)
        if plan.fate in ("cancelled", "closed", "deleted"):
            self._after(self._dice.hours(30.0), self._end_in_backlog, plan)
        elif plan.is_urgent:
            # Nobody waits for the next sprint with it.
            self._after(self._dice.minutes(10, 90), self._pull_in, plan, None, True)
        else:
            self._backlog[team.stream].append(plan)
        if is_stream:
            self._after(self._dice.gap(WORK_DAY / team.arrivals_per_day), self._arrive, team, True)

    def _end_in_backlog(self, plan: Plan) -> None:
        ticket = plan.ticket
        if plan.fate == "deleted":
            ticket.deleted_at = self._period.calendar.instant(self._now)
        elif plan.fate == "closed":
            self._move(plan, "done", *self._resolution(plan, "Done"))
        else:
            self._move(plan, "cancelled", *self._resolution(plan, "Won't Do"))

    def _attribute(self, plan: Plan) -> None:
        if plan.ticket.deleted_at is not None:
            return
        before = plan.ticket.latest("introduced_in_stage")
        self._record(plan, Change("introduced_in_stage", before, plan.attributed_to))
        if before is None and plan.attributed_to == "dev" and self._dice.chance(0.08):
            plan.attributed_to = "ba"
            self._after(self._dice.hours(16.0), self._attribute, plan)

    def _plan_sprints(self, starts: date) -> None:
        """Carry over what is unfinished, then take the oldest of the backlog, up to the usual pace."""
        coming = [sprint for sprint in self._period.sprints if sprint.starts == starts]
        first = self._period.calendar.work_seconds(midnight(starts))
        days = (self._period.calendar.work_seconds(midnight(coming[0].ends) + DAY) - first) / WORK_DAY
        for team, sprint in zip(TEAMS, coming, strict=True):
            still_open = [
                plan
                for plan in self._in_sprint[team.stream]
                if plan.ticket.latest("status") not in ("done", "cancelled")
            ]
            for plan in still_open:
                self._enter_sprint(plan, sprint)
            self._in_sprint[team.stream] = still_open
            is_full = len(self._stations[team.stream, "qa"].line) > LONG_LINE
            pace = round(team.planned_per_day * days * self._dice.between(0.9, 1.1) * (CAUTIOUS_PACE if is_full else 1))
            backlog = self._backlog[team.stream]
            taken, self._backlog[team.stream] = backlog[:pace], backlog[pace:]
            for plan in taken:
                self._after(self._dice.minutes(5, 110), self._pull_in, plan, sprint, False)

    def _enter_sprint(self, plan: Plan, sprint: Sprint) -> None:
        before = plan.ticket.latest("sprint")
        self._record(plan, Change("sprint", before, (*before, sprint.jira_id)))

    def _pull_in(self, plan: Plan, sprint: Sprint | None, is_urgent: bool) -> None:
        if sprint is not None:
            self._enter_sprint(plan, sprint)
        self._in_sprint[plan.team.stream].append(plan)
        if self._dice.chance(BULK_CLOSED_ON_WEEKEND) and self._close_on_weekend(plan):
            return
        if plan.route[0] == "ba":
            self._join(plan, "ba")
        else:
            self._move(plan, "dev_queue")
            self._after(self._dice.minutes(5, 60), self._join, plan, "dev", is_urgent)

    def _close_on_weekend(self, plan: Plan) -> bool:
        """Tidied up on a Saturday: no business time passes between start and end. False where none is left."""
        today = day_of(self._period.calendar.instant(self._now))
        saturday = midnight(today + timedelta(days=5 - today.weekday())) + 11 * HOUR
        if saturday + 4 * HOUR > self._period.end:
            return False
        plan.ticket.record(saturday, Change("status", "backlog", "dev"), Change("assignee", None, plan.assignee))
        closing = (Change("status", "dev", "done"), *self._resolution(plan, "Done"))
        plan.ticket.record(saturday + int(self._dice.minutes(20, 200)), *closing)
        return True

    # --- stations ---

    def _resize(self, station: Station, people: int) -> None:
        station.people = people

    def _join(self, plan: Plan, stage: str, in_front: bool = False) -> None:
        station = self._stations[plan.team.stream, stage]
        if in_front:
            station.line.appendleft(plan)
        else:
            station.line.append(plan)
        self._serve(station, stage)

    def _serve(self, station: Station, stage: str) -> None:
        while station.line and not station.is_congested:
            plan = station.line.popleft()
            station.busy += 1
            # Somebody has to notice that it is their turn.
            self._after(self._dice.minutes(3, 40), self._begin, plan, stage)

    def _begin(self, plan: Plan, stage: str) -> None:
        ticket = plan.ticket
        if ticket.latest("status") != stage:
            taken = ticket.latest("assignee")
            assigned = () if taken == plan.assignee else (Change("assignee", taken, plan.assignee),)
            self._move(plan, stage, *assigned)
            if stage == "dev":
                plan.development_left = self._development(plan)
        plan.needs_auth = plan.needs_auth and len(self._auth.line) < AUTH_LONGEST_LINE
        if stage == "dev" and plan.needs_auth:
            self._after(plan.development_left * BEFORE_AUTH, self._ask_auth, plan)
            return
        effort = self._effort(plan, stage)
        if self._dice.chance(IMPEDED):
            effort += self._impede(plan, effort)
        if stage == "dev":
            self._open_pull_requests(plan, effort)
        self._after(effort, self._finish, plan, stage)

    def _finish(self, plan: Plan, stage: str) -> None:
        station = self._stations[plan.team.stream, stage]
        station.busy -= 1
        self._serve(station, stage)
        if stage == "dev" and plan.fate == "abandoned":
            self._move(plan, "cancelled", *self._resolution(plan, "Won't Do"))
            return
        if stage == "dev" and plan.ticket.project == "INS" and self._dice.chance(ON_HOLD):
            self._move(plan, "on_hold")
            self._after(self._dice.hours(22.0), self._resume, plan)
            return
        if stage == "qa" and plan.times_sent_back < 2 and self._dice.chance(QA_SENDS_BACK):
            self._send_back(plan)
            return
        self._advance(plan, stage)

    def _resume(self, plan: Plan) -> None:
        self._move(plan, "dev")
        self._after(self._dice.minutes(20, 120), self._advance, plan, "dev")

    def _advance(self, plan: Plan, finished: str) -> None:
        stage = plan.route[plan.route.index(finished) + 1]
        if stage == "code_review":
            self._move(plan, "code_review")
            merged = max([*plan.merges, self._now + self._dice.minutes(10, 40)])
            plan.merges.clear()
            self._at(merged + self._dice.minutes(4, 25), self._advance, plan, "code_review")
        elif stage == "done":
            self._move(plan, "done", *self._resolution(plan, "Done"))
            if self._dice.chance(REOPENED):
                self._after(self._dice.hours(20.0), self._reopen, plan)
        else:
            self._move(plan, f"{stage}_queue")
            self._after(self._dice.hours(HANDOVER_HOURS[stage], 0.7), self._join, plan, stage)

    def _send_back(self, plan: Plan) -> None:
        plan.times_sent_back += 1
        self._move(plan, "dev_queue")
        self._join(plan, "dev", True)

    def _reopen(self, plan: Plan) -> None:
        plan.times_sent_back += 1
        self._move(plan, "dev_queue", *self._resolution(plan, None))
        self._join(plan, "dev", True)

    # --- how long things take ---

    def _development(self, plan: Plan) -> float:
        if plan.times_sent_back:
            return self._dice.hours(2.5)
        points = plan.ticket.fields["story_points"]
        return self._dice.hours(DEV_HOURS[points] if points is not None else 7.0, 0.4)

    def _effort(self, plan: Plan, stage: str) -> float:
        if stage == "dev":
            return plan.development_left
        if stage == "qa":
            return self._dice.hours(QA_HOURS[plan.ticket.ticket_type] * plan.team.qa_effort, 0.5) + 5 * MINUTE
        return self._dice.hours(BA_HOURS if stage == "ba" else UAT_HOURS, 0.5) + 5 * MINUTE

    def _open_pull_requests(self, plan: Plan, effort: float) -> None:
        """Spread over the development; the last one is opened a moment before it ends."""
        repositories = plan.repositories[:1] if plan.times_sent_back else plan.repositories
        for number, repository in enumerate(repositories, start=1):
            opened = self._now + effort * number / len(repositories) - 2 * MINUTE
            self._at(max(opened, self._now + 10), self._open_pull_request, plan, repository)

    def _open_pull_request(self, plan: Plan, repository: Repository) -> None:
        if self._dice.chance(ABANDONED):
            self._desk.open_for(plan.ticket, repository, plan.assignee, self._now, is_merged=False)
        plan.merges.append(self._desk.open_for(plan.ticket, repository, plan.assignee, self._now))

    # --- what gets in the way ---

    def _impede(self, plan: Plan, effort: float) -> float:
        """Flag the item for a while; the person stays with it. The time that is lost, in work seconds."""
        lost = self._dice.hours(9.0)
        blocker = self._dice.weighted(((INFRA, 0.35), (DATA_LAYER, 0.15), (None, 0.5)))
        self._after(effort * 0.2 + MINUTE, self._flag, plan, blocker)
        self._after(effort * 0.2 + 2 * MINUTE + lost * 0.9, self._unflag, plan)
        return lost

    def _flag(self, plan: Plan, blocker: str | None) -> None:
        reason = () if blocker is None else (Change("blocking_tech_stream", None, blocker),)
        self._record(plan, Change("flagged", False, True), *reason)

    def _unflag(self, plan: Plan) -> None:
        blocker = plan.ticket.latest("blocking_tech_stream")
        reason = () if blocker is None else (Change("blocking_tech_stream", blocker, None),)
        self._record(plan, Change("flagged", True, False), *reason)

    def _ask_auth(self, plan: Plan) -> None:
        """Half-way through, auth has to change, too: hand over to them, let the developer take something else."""
        plan.development_left *= 1 - BEFORE_AUTH
        station = self._stations[plan.team.stream, "dev"]
        station.busy -= 1
        self._serve(station, "dev")
        if self._auth.is_congested:
            self._flag(plan, AUTH)
        self._auth.line.append(plan)
        self._serve_auth()

    def _serve_auth(self) -> None:
        while self._auth.line and not self._auth.is_congested:
            plan = self._auth.line.popleft()
            self._auth.busy += 1
            self._after(self._dice.hours(AUTH_AUTHORING_HOURS), self._auth_writes, plan)

    def _auth_writes(self, plan: Plan) -> None:
        """The change is written; the place is taken until it is reviewed and merged."""
        author = self._desk.author(AUTH)
        merged = self._desk.open_for(plan.ticket, self._births.auth_repository(), author, self._now)
        self._at(merged + 5 * MINUTE, self._auth_done, plan)

    def _auth_done(self, plan: Plan) -> None:
        self._auth.busy -= 1
        self._serve_auth()
        plan.needs_auth = False
        if plan.ticket.latest("flagged"):
            self._unflag(plan)
        self._join(plan, "dev", True)
