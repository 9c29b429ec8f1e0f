"""The history as HTTP requests, in the order in which the systems would send them.

In: a `History` and the secrets that sign. Out: `Deliveries`, a lazy sequence of `DemoRequest`s: path,
headers and body. Nearly in time order, as in life: some deliveries are late by minutes or days, some
are sent twice under the same id, some events come again under a new one. Nothing is left out.
"""

from __future__ import annotations

import heapq
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from ingestion.demo import github_payloads, push_payloads
from ingestion.demo.company import UNKNOWN_REPOSITORY
from ingestion.demo.history import Deployment, History
from ingestion.demo.jira_payloads import IssueTeller, sprint_start, sprint_started
from ingestion.demo.shapes import Payload, identifier
from ingestion.demo.worktime import DAY, MINUTE

LATE = 0.02
SENT_TWICE = 0.01
TOLD_AGAIN = 0.005
_SHORTEST_DELAY = 10 * MINUTE
_LONGEST_DELAY = 3 * DAY
PATHS = {"github": "/webhooks/github", "jira": "/webhooks/jira", "push": "/api/v1/events/"}


@dataclass(frozen=True, slots=True)
class Signing:
    """What the demo's systems share with the platform: two webhook secrets and an API key."""

    github_secret: str
    jira_secret: str
    api_key: str


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """One POST."""

    path: str
    headers: dict[str, str]
    body: bytes
    delivery_id: str
    occurred_at: int


Occurrence = tuple[int, Callable[[], Payload]]


class Deliveries:
    """All requests of a history; `len` is their number, iterating makes them one after the other."""

    def __init__(self, history: History, signing: Signing) -> None:
        self._signing = signing
        self._end = history.period.end
        occurrences = _occurrences(history)
        # Stable: what is listed first stays first within a second.
        self._occurrences = sorted(occurrences, key=lambda occurrence: occurrence[0])
        random = np.random.default_rng([history.seed, len(occurrences)])
        marks = random.random(len(occurrences))
        self._is_late = marks < LATE
        self._is_sent_twice = (marks >= LATE) & (marks < LATE + SENT_TWICE)
        self._is_told_again = (marks >= LATE + SENT_TWICE) & (marks < LATE + SENT_TWICE + TOLD_AGAIN)
        self._delays = np.exp(random.uniform(np.log(_SHORTEST_DELAY), np.log(_LONGEST_DELAY), len(occurrences)))

    @property
    def events(self) -> int:
        """How many different things happened."""
        return len(self._occurrences)

    @property
    def sent_twice(self) -> int:
        """How many deliveries are sent a second time under the same id."""
        return int(self._is_sent_twice.sum())

    @property
    def told_again(self) -> int:
        """How many events are sent a second time under a new id."""
        return int(self._is_told_again.sum())

    def __len__(self) -> int:
        return self.events + self.sent_twice + self.told_again

    def __iter__(self) -> Iterator[DemoRequest]:
        held: list[tuple[int, int, DemoRequest]] = []
        for index, (at, make) in enumerate(self._occurrences):
            while held and held[0][0] <= at:
                yield heapq.heappop(held)[2]
            payload = make()
            request = self._request(payload, payload.delivery_id, at)
            if self._is_late[index]:
                heapq.heappush(held, (at + int(self._delays[index]), index, request))
                continue
            if self._is_sent_twice[index]:
                heapq.heappush(held, (at + 2 * MINUTE, index, request))
            elif self._is_told_again[index]:
                again = self._request(payload, identifier("again", payload.delivery_id), at)
                heapq.heappush(held, (at + 2 * MINUTE, index, again))
            yield request
        while held:
            yield heapq.heappop(held)[2]

    def _request(self, payload: Payload, delivery_id: str, at: int) -> DemoRequest:
        path = PATHS[payload.source]
        headers = {"Content-Type": "application/json"}
        if payload.source == "github":
            headers["User-Agent"] = "GitHub-Hookshot/demo"
            headers["X-GitHub-Event"] = payload.event
            headers["X-GitHub-Delivery"] = delivery_id
            headers["X-Hub-Signature-256"] = sign(self._signing.github_secret, payload.body)
        elif payload.source == "jira":
            headers["User-Agent"] = "Atlassian HttpClient demo"
            headers["X-Atlassian-Webhook-Identifier"] = delivery_id
            headers["X-Hub-Signature"] = sign(self._signing.jira_secret, payload.body)
        else:
            path += payload.event
            headers["Authorization"] = f"Bearer {self._signing.api_key}"
            headers["X-Idempotency-Key"] = delivery_id
        return DemoRequest(path, headers, payload.body, delivery_id, at)


def sign(secret: str, body: bytes) -> str:
    """The signature that GitHub and Jira put into their headers."""
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def _occurrences(history: History) -> list[Occurrence]:
    return [
        *_sprints(history),
        *_tickets(history),
        *_pull_requests(history),
        *_deployments(history),
        *_outages(history),
        *((answer.submitted_at, partial(push_payloads.survey, answer)) for answer in history.surveys),
    ]


def _sprints(history: History) -> Iterator[Occurrence]:
    """Somebody ticked one box too many in Jira's settings a few days ago: four deliveries that nobody reads."""
    for sprint in history.period.sprints:
        if sprint.state == "active":
            yield sprint_start(sprint), partial(sprint_started, sprint)


def _tickets(history: History) -> Iterator[Occurrence]:
    teller = IssueTeller(history.period)
    for ticket in history.tickets:
        yield ticket.created_at, partial(teller.created, ticket)
        for event in ticket.events:
            yield event.at, partial(teller.updated, ticket, event)
        if ticket.deleted_at is not None:
            yield ticket.deleted_at, partial(teller.deleted, ticket)


def _pull_requests(history: History) -> Iterator[Occurrence]:
    for pull_request in history.pull_requests:
        yield pull_request.opened_at, partial(github_payloads.pull_request_opened, pull_request)
        for index, event in enumerate(pull_request.events):
            yield event.at, partial(github_payloads.pull_request_event, pull_request, index)


def _deployments(history: History) -> Iterator[Occurrence]:
    active: dict[str, Deployment] = {}
    for run in history.deployments:
        is_pushed = run.repository.tech_stream.reports_deployments_through == "push"
        if is_pushed or run.repository is UNKNOWN_REPOSITORY:
            yield run.completed_at, partial(push_payloads.deployment, run)
            if run.rolled_back_at is not None:
                yield run.rolled_back_at, partial(push_payloads.rollback, run)
            continue
        # GitHub has no state for a cancelled run: it was in progress, then it is inactive.
        state = "inactive" if run.status == "cancelled" else run.status
        yield run.started_at, partial(github_payloads.deployment_status, run, "in_progress", run.started_at)
        yield run.completed_at, partial(github_payloads.deployment_status, run, state, run.completed_at)
        if run.status == "success" and run.environment != "production":
            # GitHub retires the deployment before it, but never in production.
            before = active.get(run.repository.full_name)
            if before is not None:
                at = run.completed_at + 1
                yield at, partial(github_payloads.deployment_status, before, "inactive", at)
            active[run.repository.full_name] = run


def _outages(history: History) -> Iterator[Occurrence]:
    for outage in history.outages:
        for signal in outage.signals:
            yield signal.opened_at, partial(push_payloads.incident, outage, signal, is_resolved=False)
            if signal.resolved_at is not None:
                yield signal.resolved_at, partial(push_payloads.incident, outage, signal, is_resolved=True)
