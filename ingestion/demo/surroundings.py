"""What goes on beside the planned work: bots, chores, the reorganisation, the monthly survey.

In: the period, dice, the review desk, the tickets. Out: more pull requests, edits of tickets, survey answers.
"""

from __future__ import annotations

from datetime import date

from ingestion.demo.company import (
    DELIVERY_STREAMS,
    DEPENDENCY_BOT,
    DEVELOPERS,
    DISPLAY_NAME,
    INSIGHTS,
    ONBOARDING,
    PAYMENTS,
    PLATFORM,
    REPOSITORIES,
    UNKNOWN_REPOSITORY,
    DeliveryStream,
    team_members,
)
from ingestion.demo.dice import Dice
from ingestion.demo.history import Change, PullRequest, PullRequestEvent, SurveyAnswer, Ticket
from ingestion.demo.period import Period
from ingestion.demo.reviews import ReviewDesk
from ingestion.demo.teams import BOT_PULL_REQUESTS_A_WEEK, CHORES_A_WEEK
from ingestion.demo.worktime import DAY, HOUR, MINUTE, OPENS_AT, WORK_DAY, day_of, midnight

WEEK = 7 * DAY
LIBRARIES = ("http client", "json parser", "linter", "base image", "test runner", "logging library", "date library")
# Look like ticket keys, and are none: no such project exists.
CHORES = (
    "tidy up logging",
    "UTF-8 everywhere",
    "CVE-2024-1 in the base image",
    "SHA-256 for cache keys",
    "ADR-009 on retries",
    "faster local build",
    "remove dead code",
    "fix flaky test",
)
ABANDONED_CHORES = 0.09
SANDBOX_PULL_REQUESTS = 12
RETAGGED_AFTER_COMPLETION = 60 * DAY
FREE_TEXTS = (
    "Too many meetings.",
    "Waiting for test again.",
    "Good month.",
    "Priorities changed twice.",
    "More focus!",
)


def open_bot_pull_requests(period: Period, seed: int, desk: ReviewDesk) -> None:
    """Dependency updates, opened before office hours; merged by the bot or by a person, or superseded."""
    dice = Dice(seed, "bots")
    weeks = (period.end - period.start) / WEEK
    for repository in REPOSITORIES:
        for _ in range(round(weeks * BOT_PULL_REQUESTS_A_WEEK * dice.between(0.8, 1.2))):
            monday = period.start + dice.number(0, int(weeks)) * WEEK
            opened_at = monday + 5 * HOUR + int(dice.minutes(0, 50))
            if opened_at > period.end:
                continue
            pull_request = PullRequest(
                repository, DEPENDENCY_BOT, opened_at, "chore", f"bump {dice.pick(LIBRARIES)}", None, "nowhere"
            )
            pull_request.is_bot = True
            pull_request.additions, pull_request.deletions = dice.number(1, 30), dice.number(1, 30)
            _end_bot_pull_request(pull_request, period, dice, desk)
            desk.pull_requests.append(pull_request)


def _end_bot_pull_request(pull_request: PullRequest, period: Period, dice: Dice, desk: ReviewDesk) -> None:
    calendar = period.calendar
    how = dice.weighted((("merges itself", 0.4), ("approved", 0.42), ("superseded", 0.18)))
    if how == "merges itself":
        events = [PullRequestEvent(pull_request.opened_at + 25 * MINUTE, "closed", DEPENDENCY_BOT, "merged")]
    else:
        person = desk.reviewer(pull_request.repository.tech_stream.name)
        seen = calendar.work_seconds(pull_request.opened_at) + dice.hours(7.0, 0.9)
        events = [PullRequestEvent(calendar.instant(seen + 10 * MINUTE), "closed", person, "merged")]
        if how == "approved":
            events.insert(0, PullRequestEvent(calendar.instant(seen), "review", person, "approved"))
        else:
            events[0].actor, events[0].state = DEPENDENCY_BOT, "closed"
    pull_request.events = [event for event in events if event.at <= period.end]


def open_chores(period: Period, seed: int, desk: ReviewDesk) -> None:
    """Pull requests without a ticket, and a few in a repository that nobody registered."""
    dice = Dice(seed, "chores")
    last = period.calendar.work_seconds(period.end)
    count = round((period.end - period.start) / WEEK * CHORES_A_WEEK)
    for number in range(count + SANDBOX_PULL_REQUESTS):
        opened = dice.between(WORK_DAY, last)
        repository = UNKNOWN_REPOSITORY if number >= count else dice.pick(REPOSITORIES)
        opened_at = period.calendar.instant(opened)
        if opened_at > period.end:
            continue
        chore = PullRequest(repository, dice.pick(DEVELOPERS), opened_at, "chore", dice.pick(CHORES), None, "nowhere")
        desk.play(chore, opened, is_merged=not dice.chance(ABANDONED_CHORES))


def reorganise(period: Period, tickets: list[Ticket]) -> None:
    """The two bulk edits of the story: a stream is renamed, and work moves from one stream to another."""
    label, name, target = "reporting", DISPLAY_NAME[ONBOARDING], DISPLAY_NAME[PLATFORM]
    renamed_at, moved_at = period.renamed_at, period.reorganised_at
    for ticket in tickets:
        if ticket.deleted_at is not None:
            continue
        labels = ticket.fields["labels"]
        if label in labels and ticket.created_at < period.renamed_at:
            after = tuple(INSIGHTS if each == label else each for each in labels)
            ticket.insert(renamed_at, Change("labels", labels, after))
            renamed_at += 1
        if ticket.is_moved_work and ticket.created_at < period.reorganised_at and _is_recent(ticket, moved_at):
            before = ticket.fields["delivery_stream"]
            assert before in (None, name)
            ticket.insert(moved_at, Change("delivery_stream", before, target))
            moved_at += 1


def _is_recent(ticket: Ticket, instant: int) -> bool:
    """Not finished yet at that instant, or not long before it: older tickets stay where they were counted."""
    ended = [
        event.at
        for event in ticket.events
        for change in event.changes
        if change.field == "status" and change.after in ("done", "cancelled") and event.at < instant
    ]
    return not ended or ended[-1] > instant - RETAGGED_AFTER_COMPLETION


def answer_surveys(period: Period, seed: int) -> list[SurveyAnswer]:
    """Each month's answers, given from the 1st to the 7th by most of the people."""
    dice = Dice(seed, "surveys")
    answers: list[SurveyAnswer] = []
    month = day_of(period.start).replace(day=1)
    while midnight(month) < period.end:
        for stream in DELIVERY_STREAMS:
            for person in team_members(stream.name):
                submitted_at = midnight(month) + dice.number(0, 6) * DAY + OPENS_AT + int(dice.minutes(0, 480))
                if dice.chance(_response_rate(stream, month, period)) and period.start < submitted_at <= period.end:
                    answers.append(_answer(dice, stream, person, submitted_at, period))
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return answers


def _response_rate(stream: DeliveryStream, month: date, period: Period) -> float:
    return 0.62 if stream.name == PAYMENTS and midnight(month) > period.qa_shrinks_at else 0.78


def _answer(dice: Dice, stream: DeliveryStream, person: str, submitted_at: int, period: Period) -> SurveyAnswer:
    """Pace falls in Payments since QA is short of people; clarity dips in Onboarding after the reorganisation."""
    pace, tooling, clarity = 3.7, 3.4, 3.8
    if stream.name == PAYMENTS and submitted_at > period.qa_shrinks_at:
        pace, tooling = 2.3, 2.9
    if stream.name == ONBOARDING and period.reorganised_at < submitted_at < period.reorganised_at + 90 * DAY:
        clarity = 2.6
    if stream.name == PLATFORM:
        tooling = 3.4 + 0.8 * (submitted_at - period.start) / (period.end - period.start)

    def score(mean: float) -> int:
        return min(5, max(1, round(mean + dice.between(-1.4, 1.4))))

    text = dice.pick(FREE_TEXTS) if dice.chance(0.2) else None
    period_name = f"{day_of(submitted_at):%Y-%m}"
    return SurveyAnswer(
        period_name, stream.name, person, score(pace), score(tooling), score(clarity), text, submitted_at
    )
