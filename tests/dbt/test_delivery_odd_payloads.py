"""Odd and garbled deliveries: none stops a build, and what can be read is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.privacy import Pseudonymiser
from core.settings import Settings
from tests.dbt.delivery_payloads import Delivery, PullRequest, at, land
from tests.marts import build_marts, marts_database
from tests.real_data import shared_data

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        connection.execute(text("truncate landing.raw_events"))
    yield engine
    engine.dispose()


def build(settings: Settings) -> None:
    build_marts(settings, AS_OF, full_refresh=True, select=("+deployment_records", "+pr_cycles"), command="run")


def column(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def test_garbled_payloads_stop_no_build_and_hide_no_good_one(inbox: Engine, settings: Settings) -> None:
    good = PullRequest(1, "PAY-1-x", at("09:00")).told("opened", at("09:00"))
    opened = "2026-01-05T09:00:00Z"
    garbled: list[Any] = [
        {},
        [],
        "text",
        {"repository": None, "pull_request": {"number": 1}},
        {"repository": {"full_name": "a/b"}, "pull_request": None},
        {"repository": {"full_name": "a/b"}, "pull_request": {"number": "many", "created_at": opened}},
        {"repository": {"full_name": "a/b"}, "pull_request": {"number": 99999999999, "created_at": opened}},
        {"repository": {"full_name": "a/b"}, "pull_request": {"number": 2, "created_at": "2026-13-45T99:00:00Z"}},
        {"repository": "a/b", "pull_request": [1], "review": "yes"},
        {"repository": [], "deployment": 3, "deployment_status": [], "workflow_run": 1},
        {
            "repository": {"full_name": "a/b"},
            "pull_request": {"number": 3, "created_at": opened, "user": "x", "head": [], "labels": {"name": 1}},
            "review": {"id": 1, "user": None, "state": None, "submitted_at": "soon"},
        },
        {"pipeline_id": "p", "status": "success", "environment": "production", "started_at": "never", "pr_number": "x"},
        {"incident_id": "i", "event_type": "exploded", "occurred_at": opened},
        {"incident_id": "j", "event_type": "incident_opened", "occurred_at": "now", "severity": 7},
    ]
    names = ("pull_request", "pull_request_review", "deployment_status", "workflow_run")
    pushes = ("deployment", "incident", "survey")
    deliveries = [Delivery("github", name, payload) for name in names for payload in garbled]
    deliveries += [Delivery("push", name, payload) for name in pushes for payload in garbled]
    land(inbox, [*deliveries, good])
    build(settings)
    assert column(inbox, "select pull_request_key from events.pull_requests order by pr_number") == [
        "acme-core/pay#1",
        "a/b#3",
    ]


def test_every_published_example_of_github_is_read_or_left_alone(inbox: Engine, settings: Settings) -> None:
    folder = shared_data("github_webhooks")
    pseudonymiser = Pseudonymiser("a key of the test")
    files: list[Path] = sorted(folder.rglob("*.json"))
    land(
        inbox,
        [
            Delivery("github", file.parent.name, pseudonymiser.clean(json.loads(file.read_text(encoding="utf-8"))))
            for file in files
        ],
    )
    build(settings)
    told = sum(file.parent.name == "pull_request" for file in files)
    assert column(inbox, "select count(*) from staging.stg_github__pull_requests") == [told]
    assert column(inbox, "select distinct repo_full_name from events.pull_requests") != []
    assert column(inbox, "select distinct event_type from events.cicd_events order by event_type") == [
        "build_completed",
        "deploy_completed",
        "deploy_started",
    ]
