"""The life of a pull request from its opening to its merge.

In: who opens which pull request when (in work seconds). Out: the pull request with its events up to
the end of the history, and the work second at which it is merged, which the ticket waits for.
"""

from __future__ import annotations

from ingestion.demo.company import COVERAGE_BOT, DEVELOPERS, TECH_STREAMS, Repository
from ingestion.demo.dice import Dice
from ingestion.demo.history import PullRequest, PullRequestEvent, Ticket
from ingestion.demo.period import Period
from ingestion.demo.teams import KEY_IN, REVIEWS, ReviewHabits
from ingestion.demo.worktime import HOUR, MINUTE

DRAFTS = 0.12
ABANDONED = 0.035
BOT_REVIEWS = 0.05
OWN_COMMENTS = 0.03
COMMENTS_AFTER_MERGE = 0.012
OFF_DEFAULT_BRANCH = 0.012
_KIND_OF_TICKET = {"story": "feature", "task": "chore", "bug": "bugfix", "spike": "spike"}


class ReviewDesk:
    """Opens pull requests and plays their reviews; `pull_requests` holds every one it opened."""

    def __init__(self, period: Period, dice: Dice) -> None:
        self.pull_requests: list[PullRequest] = []
        self._period = period
        self._dice = dice
        self._reviewers = _reviewers()

    def open_for(
        self, ticket: Ticket, repository: Repository, author: str, opened: float, *, is_merged: bool = True
    ) -> float:
        """Open a pull request for a ticket's work; the work second of its merge, which may lie ahead."""
        pull_request = PullRequest(
            repository=repository,
            author=author,
            opened_at=self._period.calendar.instant(opened),
            kind=_KIND_OF_TICKET[ticket.ticket_type],
            summary=ticket.summary,
            ticket=ticket,
            key_in=self._dice.weighted(KEY_IN),
        )
        if ticket.pull_requests and self._dice.chance(OFF_DEFAULT_BRANCH):
            pull_request.base_branch = "release/next"
        ticket.pull_requests.append(pull_request)
        return self.play(pull_request, opened, is_merged=is_merged)

    def play(self, pull_request: PullRequest, opened: float, *, is_merged: bool) -> float:
        """Write the reviews of a pull request; the work second at which it is merged or closed."""
        dice, habits = self._dice, REVIEWS[pull_request.repository.tech_stream.name]
        self._size(pull_request)
        pull_request.reviewers = self._assign(pull_request)
        steps: list[tuple[float, str, str, str]] = []
        now = opened
        if dice.chance(DRAFTS):
            pull_request.starts_as_draft = True
            now += dice.hours(3.0)
            steps.append((now, "ready_for_review", pull_request.author, ""))
        if dice.chance(BOT_REVIEWS):
            steps.append((now + dice.minutes(2, 9), "review", COVERAGE_BOT, "commented"))
        if not is_merged:
            closed = now + dice.hours(9.0)
            steps.append((closed, "closed", pull_request.author, "closed"))
            return self._write(pull_request, steps, closed)
        if not dice.chance(habits.without_review):
            now = self._reviews(pull_request, habits, now, steps)
        now += dice.hours(0.7)
        steps.append((now, "closed", pull_request.author, "merged"))
        if dice.chance(COMMENTS_AFTER_MERGE):
            steps.append((now + dice.hours(1.0), "review", pull_request.reviewers[0], "commented"))
        return self._write(pull_request, steps, now)

    def open_hotfix(
        self, ticket: Ticket | None, repository: Repository, author: str, opened_at: int, merged_at: int, summary: str
    ) -> PullRequest:
        """A pull request that mends an outage, at any hour; approved on the way, in wall-clock instants."""
        pull_request = PullRequest(repository, author, opened_at, "hotfix", summary, ticket, "branch")
        self._size(pull_request)
        pull_request.reviewers = self._assign(pull_request)
        approved_at = opened_at + (merged_at - opened_at) * 2 // 3
        for event in (
            PullRequestEvent(approved_at, "review", pull_request.reviewers[0], "approved"),
            PullRequestEvent(merged_at, "closed", author, "merged"),
        ):
            if event.at <= self._period.end:
                pull_request.events.append(event)
        if ticket is not None:
            ticket.pull_requests.append(pull_request)
        self.pull_requests.append(pull_request)
        return pull_request

    def author(self, tech_stream: str) -> str:
        """Somebody who writes code there; the first reviewer is too busy with reviews."""
        return self._dice.pick(self._reviewers[tech_stream][1:])

    def reviewer(self, tech_stream: str) -> str:
        """Somebody who reviews there: the first of them takes the share that the habits name."""
        people = self._reviewers[tech_stream]
        habits = REVIEWS[tech_stream]
        return people[0] if self._dice.chance(habits.share_of_first_reviewer) else self._dice.pick(people)

    def _reviews(
        self, pull_request: PullRequest, habits: ReviewHabits, now: float, steps: list[tuple[float, str, str, str]]
    ) -> float:
        dice, reviewer = self._dice, pull_request.reviewers[0]
        now += dice.hours(habits.first_review, 0.8) + 2 * MINUTE
        if dice.chance(0.12):
            steps.append((now, "review", reviewer, "commented"))
            if dice.chance(OWN_COMMENTS * 4):
                steps.append((now + dice.minutes(3, 15), "review", pull_request.author, "commented"))
            now += dice.hours(habits.again) + 20 * MINUTE
        while dice.chance(habits.changes_requested):
            steps.append((now, "review", reviewer, "changes_requested"))
            now += dice.hours(habits.rework)
            steps.append((now, "synchronize", pull_request.author, ""))
            now += dice.hours(habits.again) + MINUTE
        steps.append((now, "review", reviewer, "approved"))
        if len(pull_request.reviewers) > 1:
            now += dice.minutes(4, 90)
            steps.append((now, "review", pull_request.reviewers[1], "approved"))
        return now

    def _assign(self, pull_request: PullRequest) -> tuple[str, ...]:
        tech = pull_request.repository.tech_stream.name
        wanted = 2 if self._dice.chance(0.15) else 1
        chosen: list[str] = []
        for _ in range(12):
            candidate = self.reviewer(tech)
            if candidate != pull_request.author and candidate not in chosen:
                chosen.append(candidate)
            if len(chosen) == wanted:
                break
        return tuple(chosen or [person for person in self._reviewers[tech] if person != pull_request.author][:1])

    def _size(self, pull_request: PullRequest) -> None:
        changed = max(1, int(self._dice.hours(55.0, 1.1) / HOUR))
        pull_request.additions = max(1, int(changed * self._dice.between(0.4, 0.95)))
        pull_request.deletions = changed - min(changed, pull_request.additions)
        pull_request.changed_files = max(1, changed // 28)

    def _write(self, pull_request: PullRequest, steps: list[tuple[float, str, str, str]], ends: float) -> float:
        steps.sort(key=lambda step: step[0])
        previous = pull_request.opened_at
        for seconds, kind, actor, state in steps:
            previous = max(self._period.calendar.instant(seconds), previous + 1)
            if previous > self._period.end:
                break
            pull_request.events.append(PullRequestEvent(previous, kind, actor, state))
        self.pull_requests.append(pull_request)
        return ends


def _reviewers() -> dict[str, tuple[str, ...]]:
    """Who reviews in each technology stream: people from all teams, each stream a slice of its own."""
    found, first = {}, 0
    for stream in TECH_STREAMS:
        wanted = REVIEWS[stream.name].reviewers
        found[stream.name] = tuple(DEVELOPERS[(first + step) % len(DEVELOPERS)] for step in range(wanted))
        first += wanted
    return found
