from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from ingestion.demo.company import (
    AUTH,
    DELIVERY_STREAMS,
    DEPENDENCY_BOT,
    FRONTEND,
    INSIGHTS,
    ONBOARDING,
    PAYMENTS,
    PLATFORM,
    PROJECTS,
    REPOSITORIES,
    TECH_STREAMS,
)
from ingestion.demo.history import History
from ingestion.demo.outages import overlapping
from ingestion.demo.payloads import Deliveries
from ingestion.demo.simulation import simulate
from ingestion.demo.truth import Truth, truth_of
from ingestion.demo.worktime import DAY, day_of
from tests.ingestion.demo.conftest import END, SIGNING

ENDS = [
    datetime(2026, 3, 2, 0, 0, tzinfo=UTC),  # Monday, the first second
    datetime(2026, 1, 4, 23, 0, tzinfo=UTC),  # Sunday, after Christmas and New Year
    datetime(2026, 5, 4, 12, 0, tzinfo=UTC),  # a public holiday
    datetime(2024, 2, 29, 16, 59, 59, tzinfo=UTC),
]


def _instants(history: History) -> list[int]:
    found = [ticket.created_at for ticket in history.tickets]
    found += [event.at for ticket in history.tickets for event in ticket.events]
    found += [ticket.deleted_at for ticket in history.tickets if ticket.deleted_at is not None]
    found += [pull_request.opened_at for pull_request in history.pull_requests]
    found += [event.at for pull_request in history.pull_requests for event in pull_request.events]
    found += [deployment.completed_at for deployment in history.deployments]
    found += [each.rolled_back_at for each in history.deployments if each.rolled_back_at is not None]
    found += [signal.opened_at for outage in history.outages for signal in outage.signals]
    found += [
        signal.resolved_at for outage in history.outages for signal in outage.signals if signal.resolved_at is not None
    ]
    return found + [answer.submitted_at for answer in history.surveys]


def _told(history: History) -> list[tuple[str, bytes]]:
    return [(request.delivery_id, request.body) for request in Deliveries(history, SIGNING)]


def test_the_same_seed_and_end_tell_the_same_history(short_history: History) -> None:
    assert _told(simulate(END, months=3)) == _told(short_history)


def test_another_seed_tells_another_history(short_history: History) -> None:
    assert _told(simulate(END, months=3, seed=99)) != _told(short_history)


def test_the_company_has_the_promised_size(history: History, truth: Truth) -> None:
    counts = truth.counts
    assert 3_800 <= counts.tickets <= 4_300
    assert 8_500 <= counts.pull_requests <= 9_600
    assert 4_700 <= counts.production_deployments + counts.staging_deployments <= 5_400
    assert 0.45 <= counts.production_deployments / (counts.production_deployments + counts.staging_deployments) <= 0.55
    assert 220 <= counts.outages <= 280
    assert 600 <= counts.survey_answers <= 900
    assert (len(DELIVERY_STREAMS), len(TECH_STREAMS), len(REPOSITORIES), len(PROJECTS)) == (4, 5, 21, 4)
    assert timedelta(days=535) <= END - datetime.fromtimestamp(history.period.start, UTC) <= timedelta(days=560)


def test_links_are_missing_as_often_as_promised(history: History, truth: Truth) -> None:
    people = [each for each in history.pull_requests if not each.is_bot]
    without_key = sum(each.key_in == "nowhere" for each in people) / len(people)
    assert 0.06 <= without_key <= 0.11
    assert 0.03 <= truth.counts.tickets_without_stream / truth.counts.tickets <= 0.055
    assert {each.key_in for each in people} == {"branch", "title", "body", "nowhere"}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.strftime("%a %d %b %Y"))
def test_nothing_happens_after_the_end_whatever_day_that_is(end: datetime) -> None:
    history = simulate(end, months=3)
    instants = _instants(history)
    assert max(instants) <= int(end.timestamp())
    assert min(instants) >= history.period.start


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.strftime("%a %d %b %Y"))
def test_there_is_always_something_going_on(end: datetime) -> None:
    history = simulate(end, months=3)
    truth = truth_of(history)
    active = [sprint for sprint in history.period.sprints if sprint.state == "active"]
    assert {sprint.stream for sprint in active} == {stream.name for stream in DELIVERY_STREAMS}
    assert all(sprint.starts <= end.date() <= sprint.ends + timedelta(days=2) for sprint in active)
    assert truth.counts.open_outages > 0
    assert all(truth.in_stage(stream.name, "dev") > 0 for stream in DELIVERY_STREAMS)
    # Over Christmas nothing is released for some days.
    newest = max(deployment.completed_at for deployment in history.deployments)
    assert end.timestamp() - newest < 5 * DAY


def test_edits_of_one_ticket_never_share_an_instant(history: History) -> None:
    for ticket in history.tickets:
        moments = [ticket.created_at, *(event.at for event in ticket.events)]
        assert all(earlier < later for earlier, later in pairwise(moments)), ticket.key


def test_every_change_starts_from_what_the_field_was(history: History) -> None:
    for ticket in history.tickets:
        fields = dict(ticket.fields)
        for event in ticket.events:
            for change in event.changes:
                assert change.before == fields[change.field], (ticket.key, change)
                assert change.after != change.before, (ticket.key, change)
                fields[change.field] = change.after


def test_events_of_one_pull_request_follow_each_other(history: History) -> None:
    for each in history.pull_requests:
        moments = [each.opened_at, *(event.at for event in each.events)]
        assert all(earlier < later for earlier, later in pairwise(moments)), each.number
        assert sum(event.kind == "closed" for event in each.events) <= 1


def test_numbers_are_unique_and_rise_with_time(history: History) -> None:
    keys = [ticket.key for ticket in history.tickets]
    assert len(set(keys)) == len(keys)
    by_repository: dict[str, list[int]] = {}
    for each in history.pull_requests:
        by_repository.setdefault(each.repository.full_name, []).append(each.number)
    assert all(numbers == sorted(set(numbers)) for numbers in by_repository.values())


def test_people_work_in_office_hours_only(history: History) -> None:
    calendar = history.period.calendar
    planned = [each for each in history.pull_requests if each.author != DEPENDENCY_BOT and each.kind != "hotfix"]
    assert all(calendar.is_business_day(day_of(each.opened_at)) for each in planned)
    assert all(9 <= datetime.fromtimestamp(each.opened_at, UTC).hour < 17 for each in planned)


def test_payments_waits_for_test_longer_than_all_others_together(truth: Truth) -> None:
    waiting = {stream.name: truth.wip.get((stream.name, "qa", False), 0) for stream in DELIVERY_STREAMS}
    assert waiting[PAYMENTS] >= 20
    assert waiting[PAYMENTS] > 2 * (sum(waiting.values()) - waiting[PAYMENTS])
    queues = {key: count for key, count in truth.wip.items() if key[0] == PAYMENTS and key[1] != "backlog"}
    assert max(queues, key=lambda key: queues[key]) == (PAYMENTS, "qa", False)


def test_the_bottleneck_shows_in_cycle_time_and_flow_efficiency(truth: Truth) -> None:
    payments = truth.flow[PAYMENTS, 30]
    for name in (ONBOARDING, INSIGHTS, PLATFORM):
        other = truth.flow[name, 30]
        assert payments.cycle_time_p50 is not None
        assert other.cycle_time_p50 is not None
        assert payments.cycle_time_p50 > 2 * other.cycle_time_p50
        assert payments.flow_efficiency is not None
        assert other.flow_efficiency is not None
        assert payments.flow_efficiency < other.flow_efficiency


def test_payments_was_like_the_others_before_it_lost_a_tester(history: History, truth: Truth) -> None:
    def median(since: int, until: int) -> float:
        found = sorted(
            item.cycle_time_days
            for item in truth.items.values()
            if item.delivery_stream == PAYMENTS
            and item.completed_at is not None
            and item.cycle_time_days is not None
            and since < item.completed_at <= until
        )
        return found[len(found) // 2]

    turn = history.period.qa_shrinks_at
    assert median(history.period.end - 60 * DAY, history.period.end) > 2 * median(turn - 120 * DAY, turn)


def test_auth_blocks_three_delivery_streams_more_than_anybody_else(history: History) -> None:
    blockers: Counter[str] = Counter()
    blocked: set[str] = set()
    for ticket in history.tickets:
        for event in ticket.events:
            for change in event.changes:
                if change.field == "blocking_tech_stream" and change.after and event.at > history.period.end - 90 * DAY:
                    blockers[change.after] += 1
                    if change.after == AUTH:
                        blocked.add(ticket.project)
    assert blocked == {"PAY", "ONB", "INS"}
    assert blockers.most_common(1)[0][0] == AUTH
    assert blockers[AUTH] > sum(blockers.values()) / 2


def test_frontend_releases_most_and_auth_least_and_worst(truth: Truth) -> None:
    ninety = {stream.name: truth.dora[stream.name, 90] for stream in TECH_STREAMS}
    frequency = {name: numbers.deployment_frequency for name, numbers in ninety.items()}
    assert max(frequency, key=lambda name: frequency[name]) == FRONTEND
    assert min(frequency, key=lambda name: frequency[name]) == AUTH
    leads = {name: numbers.lead_time_p50 or 0.0 for name, numbers in ninety.items()}
    assert max(leads, key=lambda name: leads[name]) == AUTH
    assert (ninety[AUTH].change_failure_rate or 0) > (ninety[FRONTEND].change_failure_rate or 0)


def test_outages_of_one_service_never_overlap(history: History) -> None:
    assert overlapping(history.outages) == []


def test_no_outage_follows_a_failed_attempt_alone(history: History) -> None:
    """Whether a failed attempt can be blamed is open to opinion, so the demo never asks."""
    for outage in history.outages:
        recent = [
            each
            for each in history.deployments
            if each.repository is outage.repository
            and each.environment == "production"
            and 0 <= outage.opened_at - each.completed_at <= 3600
        ]
        if any(each.status == "failure" for each in recent):
            assert max(recent, key=lambda each: each.completed_at).status == "success", outage


def test_the_renamed_stream_keeps_no_ticket_under_its_old_name(history: History) -> None:
    labels = [ticket.latest("labels") for ticket in history.tickets if ticket.project == "INS"]
    assert not any("reporting" in each for each in labels)
    assert any("reporting" in ticket.fields["labels"] for ticket in history.tickets)


def test_the_reorganisation_moves_work_between_streams(history: History, truth: Truth) -> None:
    moved = [ticket for ticket in history.tickets if ticket.project == "ONB" and ticket.is_moved_work]
    retagged = [ticket for ticket in moved if ticket.fields["delivery_stream"] == "Onboarding"]
    assert len([ticket for ticket in retagged if truth.items[ticket.key].delivery_stream == PLATFORM]) > 20
    later = [ticket for ticket in moved if ticket.created_at > history.period.reorganised_at]
    assert all(truth.items[ticket.key].delivery_stream in (PLATFORM, ONBOARDING) for ticket in later)
    assert sum(truth.items[ticket.key].delivery_stream == PLATFORM for ticket in later) > len(later) * 0.85


def test_the_unusual_is_there_and_rare(history: History) -> None:
    statuses = [
        (change.before, change.after)
        for ticket in history.tickets
        for event in ticket.events
        for change in event.changes
        if change.field == "status"
    ]
    reopened = sum(before == "done" for before, _ in statuses)
    cancelled = sum(after == "cancelled" for _, after in statuses)
    on_hold = sum(after == "on_hold" for _, after in statuses)
    at_once = sum((before, after) == ("backlog", "done") for before, after in statuses)
    assert 50 <= reopened <= 250
    assert 100 <= cancelled <= 350
    assert 5 <= on_hold <= 60
    assert 20 <= at_once <= 120
    assert any(ticket.deleted_at for ticket in history.tickets)
    assert any(each.starts_as_draft for each in history.pull_requests)
    assert any(each.base_branch != "main" for each in history.pull_requests)
    assert any(each.kind == "hotfix" and each.branch.startswith("hotfix/") for each in history.pull_requests)
    assert any(each.rollback_of is not None for each in history.deployments)
    assert any(each.rolled_back_at is not None for each in history.deployments)
    assert any(ticket.latest("introduced_in_stage") for ticket in history.tickets)


@pytest.mark.parametrize(
    ("end", "months"), [(END.replace(tzinfo=None), 18), (END, 2)], ids=["an end without time zone", "two months"]
)
def test_an_impossible_period_is_refused(end: datetime, months: int) -> None:
    with pytest.raises(ValueError):
        simulate(end, months=months)
