from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from ingestion.demo.company import COVERAGE_BOT, FIELD_MAPPINGS, PROJECT_OF
from ingestion.demo.history import History
from ingestion.demo.payloads import Deliveries, DemoRequest
from ingestion.push.events import EVENTS
from ingestion.webhooks.vendors.github import problem as github_problem
from ingestion.webhooks.vendors.jira import problem as jira_problem
from tests.ingestion.demo.conftest import SIGNING
from tests.real_data import shared_data

# GitHub added them after the examples were published.
NEWER_FIELDS = {
    "deployment.transient_environment",
    "deployment.production_environment",
    "deployment.payload",
}


@dataclass
class Told:
    """What one walk over all deliveries found."""

    planned: int
    events: int
    sent_twice: int
    told_again: int
    total: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    bodies: Counter[bytes] = field(default_factory=Counter)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    occurred: list[int] = field(default_factory=list)
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)


def _secret_of(request: DemoRequest) -> tuple[str, str] | None:
    if request.path == "/webhooks/github":
        return SIGNING.github_secret, "X-Hub-Signature-256"
    if request.path == "/webhooks/jira":
        return SIGNING.jira_secret, "X-Hub-Signature"
    return None


@pytest.fixture(scope="module")
def told(short_history: History) -> Told:
    """Walks over every delivery once: signatures, JSON, whether a model can read it."""
    deliveries = Deliveries(short_history, SIGNING)
    found = Told(len(deliveries), deliveries.events, deliveries.sent_twice, deliveries.told_again)
    for request in deliveries:
        found.total += 1
        payload = json.loads(request.body)
        secret = _secret_of(request)
        if secret is not None:
            expected = hmac.new(secret[0].encode(), request.body, hashlib.sha256).hexdigest()
            assert request.headers[secret[1]] == f"sha256={expected}"
        else:
            assert request.headers["Authorization"] == f"Bearer {SIGNING.api_key}"
        kind = request.headers.get("X-GitHub-Event") or payload.get("webhookEvent") or request.path.rpartition("/")[2]
        if request.path == "/webhooks/github":
            assert github_problem(kind, payload) is None
        elif request.path == "/webhooks/jira":
            assert jira_problem(kind, payload) is None
        else:
            EVENTS[kind].model_validate(payload)
        found.kinds[kind] += 1
        found.ids[f"{request.path} {request.delivery_id}"] += 1
        found.bodies[hashlib.sha256(kind.encode() + request.body).digest()] += 1
        found.sizes.setdefault(kind, []).append(len(request.body))
        found.occurred.append(request.occurred_at)
        found.examples[f"{kind} {payload.get('action') or payload.get('event_type') or ''}".strip()] = payload
    return found


def test_every_delivery_is_signed_valid_and_readable(told: Told) -> None:
    assert told.total == told.planned
    assert told.total > 10_000


def test_the_whole_history_is_tens_of_thousands_of_deliveries(history: History) -> None:
    assert 75_000 < len(Deliveries(history, SIGNING)) < 95_000


def test_all_kinds_of_deliveries_are_there(told: Told) -> None:
    assert set(told.kinds) == {
        "pull_request",
        "pull_request_review",
        "deployment_status",
        "jira:issue_created",
        "jira:issue_updated",
        "jira:issue_deleted",
        "sprint_started",
        "deployment",
        "incident",
        "survey",
    }
    assert told.kinds["sprint_started"] < 10


def test_only_intended_deliveries_come_twice(told: Told) -> None:
    assert Counter(told.ids.values()) == {1: told.events - told.sent_twice + told.told_again, 2: told.sent_twice}
    assert told.sent_twice > 100


def test_an_event_told_again_has_a_new_id_and_the_same_body(told: Told) -> None:
    assert sum(count - 1 for count in told.bodies.values()) == told.sent_twice + told.told_again
    assert told.told_again > 20


def test_deliveries_come_nearly_in_order_and_some_come_late(told: Told) -> None:
    newest, late = 0, []
    for at in told.occurred:
        newest = max(newest, at)
        if newest - at > 5 * 60:
            late.append(newest - at)
    assert 0.01 < len(late) / told.total < 0.03
    assert max(late) > 24 * 3600


def test_payloads_are_small_enough_to_load_quickly(told: Told) -> None:
    average = {kind: sum(sizes) / len(sizes) for kind, sizes in told.sizes.items()}
    assert all(
        1_500 <= average[kind] <= 4_000 for kind in ("pull_request", "pull_request_review", "jira:issue_updated")
    )
    assert max(max(sizes) for sizes in told.sizes.values()) < 6_000


def _paths(value: Any, prefix: str = "") -> set[str]:
    if isinstance(value, list):
        return set().union(*(_paths(item, prefix) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, item in value.items():
        path = f"{prefix}.{key}" if prefix else key
        found |= {path} | _paths(item, path)
    return found


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        ("pull_request opened", "pull_request/opened.with-organization.payload.json"),
        ("pull_request closed", "pull_request/closed.with-organization.payload.json"),
        ("pull_request synchronize", "pull_request/synchronize.payload.json"),
        ("pull_request ready_for_review", "pull_request/ready_for_review.with-organization.payload.json"),
        ("pull_request_review submitted", "pull_request_review/submitted.with-organization.payload.json"),
        ("deployment_status created", "deployment_status/with-installation.payload.json"),
    ],
)
def test_github_payloads_hold_no_field_that_github_does_not_send(told: Told, kind: str, published: str) -> None:
    example = json.loads((shared_data("github_webhooks") / published).read_text())
    known = _paths(example) | NEWER_FIELDS | {"organization", "installation"}
    # Who merged is null in the examples, and so are some lists empty; a person is a person everywhere.
    people = {"merged_by", "requested_reviewers", "user", "creator", "labels"}
    ours = {path for path in _paths(told.examples[kind]) if people.isdisjoint(path.split("."))}
    ours = {path for path in ours if path.split(".")[0] not in ("organization", "installation")}
    assert ours - known == set()


def test_jira_issues_have_the_shape_of_jira_cloud(told: Told) -> None:
    folder = shared_data("jira_webhooks")
    example = json.loads((folder / "webhook-cloud-issue-created-many-fields.json").read_text())
    known = set(example["issue"]["fields"]) | set(FIELD_MAPPINGS.values())
    payload = told.examples["jira:issue_updated"]
    assert set(payload) == {"timestamp", "webhookEvent", "issue_event_type_name", "user", "issue", "changelog"}
    assert set(payload["issue"]["fields"]) <= known
    resolved = json.loads((folder / "webhook-issue-updated-resolved.json").read_text())
    assert set(payload["changelog"]["items"][0]) >= set(resolved["changelog"]["items"][0])


def test_the_changelog_ends_where_the_issue_stands(short_history: History) -> None:
    for request in Deliveries(short_history, SIGNING):
        if request.path != "/webhooks/jira":
            continue
        payload = json.loads(request.body)
        for item in payload.get("changelog", {}).get("items", ()):
            if item["fieldId"] == "status":
                issue = payload["issue"]
                assert item["toString"] == issue["fields"]["status"]["name"]
                names = {status.name for status in PROJECT_OF[issue["key"].split("-")[0]].workflow.values()}
                assert {item["toString"], item["fromString"] or item["toString"]} <= names


def test_a_merged_pull_request_says_so(short_history: History) -> None:
    merged = 0
    for request in Deliveries(short_history, SIGNING):
        if request.headers.get("X-GitHub-Event") != "pull_request":
            continue
        payload = json.loads(request.body)
        details = payload["pull_request"]
        assert details["merged"] == (details["merged_at"] is not None)
        if details["merged"]:
            merged += 1
            assert payload["action"] == "closed"
            assert details["merged_at"] == details["closed_at"]
            assert details["merged_by"]["login"]
    assert merged > 500


def test_bots_are_marked_as_bots(short_history: History) -> None:
    kinds = set()
    for request in Deliveries(short_history, SIGNING):
        if request.headers.get("X-GitHub-Event") == "pull_request_review":
            person = json.loads(request.body)["review"]["user"]
            kinds.add((person["login"] == COVERAGE_BOT, person["type"]))
    assert kinds == {(True, "Bot"), (False, "User")}


def test_nobody_has_a_name(short_history: History) -> None:
    """Only role names: what could be a person's name is `Developer 017`, and addresses end in `.example`."""
    for request in Deliveries(short_history, SIGNING):
        if request.path == "/webhooks/jira":
            user = json.loads(request.body).get("user")
            if user is not None:
                assert user["displayName"].startswith(("Developer ", "Jira administrator"))
                assert user["emailAddress"].endswith("@acme.example")
