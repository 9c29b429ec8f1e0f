from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from ingestion.demo.company import AUTH, DELIVERY_STREAMS, REPOSITORIES, TECH_STREAMS
from ingestion.demo.history import Change, Deployment, History, Outage, PullRequest, PullRequestEvent, Signal, Ticket
from ingestion.demo.truth import ALL, Truth, percentile
from ingestion.demo.truth_items import business_days, item_truth, linked_ticket
from ingestion.demo.truth_releases import deployment_truths

FIELDS = {
    "status": "backlog",
    "resolution": None,
    "sprint": (),
    "flagged": False,
    "blocking_tech_stream": None,
    "delivery_stream": "Payments",
    "labels": (),
    "components": (),
    "tech_streams": (),
    "assignee": None,
}


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def _ticket(*moves: tuple[str, str], **fields: object) -> Ticket:
    ticket = Ticket("PAY", "story", "add a thing", _at("2026-01-02T09:00"), "dev-001", {**FIELDS, **fields}, number=7)
    before = "backlog"
    for when, after in moves:
        ticket.record(_at(when), Change("status", before, after))
        before = after
    return ticket


def _pull_request(number: int, opened: str, merged: str) -> PullRequest:
    found = PullRequest(REPOSITORIES[0], "dev-001", _at(opened), "feature", "add a thing", None, "nowhere")
    found.events.append(PullRequestEvent(_at(merged), "closed", "dev-001", "merged"))
    found.number = number
    return found


def _deployment(run: int, head: PullRequest, completed: str, status: str = "success") -> Deployment:
    return Deployment(
        REPOSITORIES[0], "production", run, head, f"1.{run}.0", _at(completed) - 300, _at(completed), status
    )


@pytest.mark.parametrize(
    ("started", "ended", "days"),
    [
        ("2026-01-09T18:00", "2026-01-12T06:00", 0.5),  # Friday evening to Monday morning
        ("2026-01-10T10:00", "2026-01-11T10:00", 0.0),  # within a weekend
        ("2026-01-05T00:00", "2026-01-12T00:00", 5.0),
        ("2026-04-02T12:00", "2026-04-07T12:00", 1.0),  # over Good Friday and Easter Monday
    ],
)
def test_business_days_leave_out_weekends_and_holidays(started: str, ended: str, days: float) -> None:
    holidays = {date(2026, 4, 3), date(2026, 4, 6)}
    assert business_days(_at(started), _at(ended), holidays) == pytest.approx(days)


def test_percentiles_interpolate_linearly() -> None:
    assert percentile([4, 1, 3, 2], 0.5) == 2.5
    assert percentile([1, 2, 3, 4], 0.85) == pytest.approx(3.55)
    assert percentile([], 0.5) is None


def test_cycle_time_runs_from_the_first_active_status_to_done() -> None:
    item = item_truth(
        _ticket(("2026-01-05T10:00", "dev_queue"), ("2026-01-06T00:00", "dev"), ("2026-01-08T00:00", "done")), ()
    )
    assert item.cycle_time_days == pytest.approx(2.0)
    assert item.flow_efficiency_pct == pytest.approx(100.0)


def test_waiting_lowers_flow_efficiency() -> None:
    item = item_truth(
        _ticket(
            ("2026-01-05T00:00", "dev"),
            ("2026-01-06T00:00", "qa_queue"),
            ("2026-01-08T00:00", "qa"),
            ("2026-01-09T00:00", "done"),
        ),
        (),
    )
    assert item.flow_efficiency_pct == pytest.approx(50.0)


def test_a_reopened_ticket_has_no_cycle_until_it_is_done_again() -> None:
    moves = (("2026-01-06T00:00", "dev"), ("2026-01-07T00:00", "done"), ("2026-01-08T00:00", "dev_queue"))
    assert item_truth(_ticket(*moves), ()).completed_at is None
    item = item_truth(_ticket(*moves, ("2026-01-08T12:00", "dev"), ("2026-01-09T00:00", "done")), ())
    assert item.cycle_time_days == pytest.approx(3.0)


def test_a_ticket_that_nobody_worked_on_is_done_without_a_cycle_time() -> None:
    item = item_truth(_ticket(("2026-01-06T00:00", "done")), ())
    assert item.completed_at is not None
    assert item.cycle_time_days is None


def test_no_business_time_means_no_flow_efficiency() -> None:
    item = item_truth(_ticket(("2026-01-10T10:00", "dev"), ("2026-01-10T12:00", "done")), ())
    assert item.cycle_time_days == 0
    assert item.flow_efficiency_pct is None


def test_an_unmapped_status_is_no_stage() -> None:
    assert item_truth(_ticket(("2026-01-06T00:00", "on_hold")), ()).stage is None


@pytest.mark.parametrize(
    ("branch", "title", "expected"),
    [
        ("branch", "add a thing", "PAY-7"),
        ("title", "add a thing", "PAY-7"),
        ("body", "add a thing", "PAY-7"),
        ("nowhere", "UTF-8 everywhere", None),
        ("nowhere", "CVE-2024-1 in the base image", None),
    ],
)
def test_a_key_counts_where_its_project_is_known(branch: str, title: str, expected: str | None) -> None:
    found = _pull_request(1, "2026-01-05T09:00", "2026-01-05T12:00")
    found.ticket, found.key_in, found.summary = _ticket(), branch, title
    assert linked_ticket(found, {"PAY-7": None}) == expected


def test_a_deployment_carries_what_was_merged_since_the_one_before() -> None:
    first = _pull_request(1, "2026-01-05T09:00", "2026-01-05T12:00")
    second = _pull_request(2, "2026-01-05T10:00", "2026-01-06T12:00")
    late = _pull_request(3, "2026-01-05T11:00", "2026-01-06T13:00")  # merged after the cut, before the deployment
    runs = [_deployment(1, first, "2026-01-05T15:00"), _deployment(2, second, "2026-01-06T15:00")]
    truths = deployment_truths(runs, [first, second, late], [])
    assert [[change.pr_number for change in each.changes] for each in truths] == [[1], [2]]
    assert truths[1].changes[0].lead_time_hrs == pytest.approx(29.0)


def test_a_failed_attempt_carries_nothing() -> None:
    change = _pull_request(1, "2026-01-05T09:00", "2026-01-05T12:00")
    runs = [_deployment(1, change, "2026-01-05T15:00", "failure"), _deployment(2, change, "2026-01-05T16:00")]
    truths = deployment_truths(runs, [change], [])
    assert [(each.status, len(each.changes)) for each in truths] == [("failed", 0), ("success", 1)]


def test_what_was_rolled_back_is_carried_again_but_is_first_only_once() -> None:
    first = _pull_request(1, "2026-01-05T09:00", "2026-01-05T12:00")
    second = _pull_request(2, "2026-01-05T10:00", "2026-01-06T12:00")
    third = _pull_request(3, "2026-01-06T10:00", "2026-01-07T12:00")
    runs = [
        _deployment(1, first, "2026-01-05T15:00"),
        _deployment(2, second, "2026-01-06T15:00"),
        _deployment(3, third, "2026-01-07T15:00"),
    ]
    runs[1].rolled_back_at = _at("2026-01-06T15:30")
    truths = deployment_truths(runs, [first, second, third], [])
    assert truths[1].status == "rolled_back"
    assert [(change.pr_number, change.is_first) for change in truths[2].changes] == [(2, False), (3, True)]


@pytest.mark.parametrize(("minutes", "is_blamed"), [(0, True), (60, True), (61, False)])
def test_an_outage_is_blamed_on_a_deployment_within_the_hour(minutes: int, is_blamed: bool) -> None:
    change = _pull_request(1, "2026-01-05T09:00", "2026-01-05T12:00")
    run = _deployment(1, change, "2026-01-05T15:00")
    opened = run.completed_at + minutes * 60
    outage = Outage(
        "ecs:payments-service", REPOSITORIES[0], "high", "down", (Signal("incident", opened, None, "INC-1"),)
    )
    truth = deployment_truths([run], [change], [outage])[0]
    assert truth.incident_ids == (("INC-1",) if is_blamed else ())
    assert truth.is_failure is is_blamed


def test_the_simulation_knows_itself_what_each_deployment_carried(history: History, truth: Truth) -> None:
    carried = {
        each.deployment_id: {change.number for change in each.carried}
        for each in history.deployments
        if each.environment == "production" and each.status == "success"
    }
    for deployment in truth.deployments:
        firsts = {change.pr_number for change in deployment.changes if change.is_first}
        assert firsts == carried.get(deployment.deployment_id, set()), deployment.deployment_id


def test_each_change_arrives_once(truth: Truth) -> None:
    firsts = Counter(
        (deployment.repo_full_name, change.pr_number)
        for deployment in truth.deployments
        for change in deployment.changes
        if change.is_first
    )
    assert set(firsts.values()) == {1}


def test_work_in_progress_adds_up(truth: Truth) -> None:
    standing = [item for item in truth.items.values() if item.stage not in (None, "done", "cancelled")]
    standing = [item for item in standing if not item.is_deleted]
    assert sum(count for key, count in truth.wip.items() if key[0] == ALL) == len(standing)
    streams = {stream.name for stream in DELIVERY_STREAMS}
    tagged = sum(count for key, count in truth.wip.items() if key[0] in streams)
    assert tagged == sum(item.delivery_stream is not None for item in standing)


def test_shares_are_shares_and_percentiles_rise(truth: Truth) -> None:
    for numbers in truth.flow.values():
        assert numbers.throughput >= numbers.cycle_times > 0
        assert numbers.flow_efficiency is not None
        assert 0 < numbers.flow_efficiency <= 100
        p50, p85, p95 = numbers.cycle_time_p50, numbers.cycle_time_p85, numbers.cycle_time_p95
        assert p50 is not None
        assert p85 is not None
        assert p95 is not None
        assert p50 <= p85 <= p95
    for dora in truth.dora.values():
        assert dora.change_failure_rate is not None
        assert dora.change_failure_rate_completed is not None
        assert 0 <= dora.change_failure_rate <= dora.change_failure_rate_completed <= 100


def test_technology_streams_add_up_to_all_but_the_unknown(truth: Truth) -> None:
    known = sum(truth.dora[stream.name, 90].deployments for stream in TECH_STREAMS)
    unknown = sum(each.tech_stream is None for each in truth.deployments)
    assert known <= truth.dora[ALL, 90].deployments <= known + unknown


def test_auth_breaks_most_often(truth: Truth) -> None:
    whole = {
        stream.name: [each for each in truth.deployments if each.tech_stream == stream.name and each.is_failure]
        for stream in TECH_STREAMS
    }
    assert all(whole.values())
    rates = {
        name: len(failed) / sum(each.tech_stream == name for each in truth.deployments)
        for name, failed in whole.items()
    }
    assert max(rates, key=lambda name: rates[name]) == AUTH
