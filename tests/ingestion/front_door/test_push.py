"""Programs with a key push deployments, incidents and answers; what is impossible is refused by its field."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from core import clock
from core.api_keys import create_key
from core.tables import api_keys
from tests.conftest import RunningDoor

DEPLOYMENT: dict[str, Any] = {
    "pipeline_id": "deploy-payments",
    "environment": "production",
    "status": "success",
    "repo_full_name": "acme-core-api/payments",
    "commit_sha": "a" * 40,
    "pr_number": 7,
    "started_at": "2026-03-02T09:00:00Z",
    "completed_at": "2026-03-02T09:04:00+00:00",
    "trigger_type": "merge",
}
INCIDENT: dict[str, Any] = {
    "incident_id": "INC-1",
    "event_type": "incident_opened",
    "service_name": "payments",
    "severity": "high",
    "description": "Payments fail",
    "occurred_at": "2026-03-02T09:10:00Z",
}
SURVEY: dict[str, Any] = {
    "survey_period": "2026-02",
    "delivery_stream": "payments",
    "respondent": "dev-one@example.org",
    "pace_score": 4,
    "tooling_score": 3,
    "clarity_score": 5,
    "free_text": "Ask dev-one@example.org",
    "submitted_at": "2026-02-03T10:00:00Z",
}
SURVEY_RESULT: dict[str, Any] = {
    "survey_period": "2026-02",
    "delivery_stream": "payments",
    "response_count": 5,
    "pace_avg": 3.4,
    "tooling_avg": 4,
    "clarity_avg": 2.8,
    "submitted_at": "2026-02-08T10:00:00Z",
}


def push(door: RunningDoor, event: str, payload: object, key: str | None = None, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{door.url}/api/v1/events/{event}",
        json=payload,
        headers={"Authorization": f"Bearer {key or door.api_key}", **headers},
    )


def stored(door: RunningDoor) -> list[tuple[str, dict[str, Any]]]:
    with door.engine.connect() as connection:
        found = connection.execute(text("select event_name, payload from landing.raw_events order by landing_id"))
        return [(row.event_name, row.payload) for row in found]


def test_a_pushed_event_is_stored_as_it_came_with_fields_nobody_knows_yet(front_door: RunningDoor) -> None:
    deployment = DEPLOYMENT | {"region": "eu-west-1"}

    assert push(front_door, "deployment", deployment).status_code == 202
    assert push(front_door, "incident", INCIDENT).status_code == 202
    (first, second) = stored(front_door)
    assert first[0] == "deployment"
    assert first[1]["region"] == "eu-west-1"
    assert second == ("incident", INCIDENT)


def test_an_unknown_repository_or_service_is_stored_too(front_door: RunningDoor) -> None:
    assert push(front_door, "deployment", DEPLOYMENT | {"repo_full_name": "nobody/knows"}).status_code == 202
    assert push(front_door, "incident", INCIDENT | {"service_name": "nobody knows"}).status_code == 202
    assert len(stored(front_door)) == 2


def test_without_an_idempotency_key_the_same_payload_is_one_event(front_door: RunningDoor) -> None:
    answers = [push(front_door, "deployment", DEPLOYMENT).json()["data"]["is_duplicate"] for _ in range(2)]

    assert answers == [False, True]
    assert len(stored(front_door)) == 1


def test_an_idempotency_key_makes_one_event_of_two_sends_and_is_each_clients_own(front_door: RunningDoor) -> None:
    with front_door.engine.begin() as connection:
        _, other = create_key(connection, "another pipeline", ["events:write"])
    headers = {"X-Idempotency-Key": "run-1"}

    push(front_door, "deployment", DEPLOYMENT, **headers)
    push(front_door, "deployment", DEPLOYMENT | {"status": "failure"}, **headers)
    push(front_door, "deployment", DEPLOYMENT | {"status": "failure"}, key=other, **headers)
    assert [payload["status"] for _, payload in stored(front_door)] == ["success", "failure"]


@pytest.mark.parametrize(
    ("event", "payload", "field"),
    [
        ("deployment", {key: value for key, value in DEPLOYMENT.items() if key != "pipeline_id"}, "pipeline_id"),
        ("deployment", DEPLOYMENT | {"completed_at": "2026-03-02T08:59:59Z"}, "completed_at"),
        ("deployment", DEPLOYMENT | {"status": "exploded"}, "status"),
        ("deployment", DEPLOYMENT | {"started_at": "yesterday"}, "started_at"),
        ("deployment", DEPLOYMENT | {"started_at": "2026-03-02T09:00:00"}, "started_at"),
        ("deployment", DEPLOYMENT | {"repo_full_name": "payments"}, "repo_full_name"),
        ("deployment", DEPLOYMENT | {"pr_number": 0}, "pr_number"),
        ("incident", INCIDENT | {"severity": "catastrophic"}, "severity"),
        ("incident", INCIDENT | {"event_type": "resolved"}, "event_type"),
        ("incident", INCIDENT | {"service_name": "  "}, "service_name"),
        ("survey", SURVEY | {"pace_score": 6}, "pace_score"),
        ("survey", SURVEY | {"pace_score": "5"}, "pace_score"),
        ("survey", SURVEY | {"survey_period": "2026-13"}, "survey_period"),
        ("survey_result", SURVEY_RESULT | {"clarity_avg": 0.5}, "clarity_avg"),
        ("survey_result", SURVEY_RESULT | {"response_count": 0}, "response_count"),
    ],
)
def test_a_missing_or_impossible_field_is_refused_by_its_name(
    front_door: RunningDoor, event: str, payload: dict[str, Any], field: str
) -> None:
    response = push(front_door, event, payload)

    assert response.status_code == 422
    assert [item["field"] for item in response.json()["error"]["fields"]] == [field]
    assert field in response.json()["error"]["message"]
    assert stored(front_door) == []


def test_a_day_ahead_is_a_clock_that_is_wrong_and_more_is_refused(front_door: RunningDoor) -> None:
    def at(hours: int) -> dict[str, Any]:
        instant = (clock.now() + timedelta(hours=hours)).isoformat()
        return DEPLOYMENT | {"started_at": instant, "completed_at": instant}

    assert push(front_door, "deployment", at(23)).status_code == 202
    refused = push(front_door, "deployment", at(25))
    assert refused.status_code == 422
    assert {item["field"] for item in refused.json()["error"]["fields"]} == {"started_at", "completed_at"}


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer dpp_nobody", "Basic dpp_nobody"])
def test_without_a_valid_key_nothing_is_taken(front_door: RunningDoor, authorization: str) -> None:
    response = push(front_door, "deployment", DEPLOYMENT, Authorization=authorization)

    assert response.status_code == 401
    assert stored(front_door) == []


def test_a_key_that_is_switched_off_expired_or_without_the_permission_is_refused(front_door: RunningDoor) -> None:
    with front_door.engine.begin() as connection:
        off, off_key = create_key(connection, "off", ["events:write"])
        old, old_key = create_key(connection, "old", ["events:write"])
        _, reader_key = create_key(connection, "reader", ["metrics:read"])
        connection.execute(api_keys.update().where(api_keys.c.key_id == off).values(is_active=False))
        connection.execute(api_keys.update().where(api_keys.c.key_id == old).values(expires_at=clock.now()))

    statuses = [
        push(front_door, "deployment", DEPLOYMENT, key=key).status_code for key in (off_key, old_key, reader_key)
    ]
    assert statuses == [401, 401, 403]


def test_a_key_for_one_repository_writes_of_no_other(front_door: RunningDoor) -> None:
    with front_door.engine.begin() as connection:
        _, key = create_key(connection, "scoped", ["events:write"], {"repositories": ["acme-core-api/payments"]})

    assert push(front_door, "deployment", DEPLOYMENT, key=key).status_code == 202
    other = DEPLOYMENT | {"repo_full_name": "acme-auth/tokens"}
    assert push(front_door, "deployment", other, key=key).status_code == 403


def test_a_survey_answer_keeps_no_name_and_stays_out_of_the_archive(front_door: RunningDoor) -> None:
    assert push(front_door, "survey", SURVEY).status_code == 202

    (answer,) = stored(front_door)
    assert "example.org" not in json.dumps(answer)
    assert len(answer[1]["respondent_hash"]) == 64
    assert "respondent" not in answer[1]
    from ingestion.landing import Archive

    assert list(Archive(front_door.settings.archive_location).read()) == []


def test_what_a_survey_tool_averaged_is_taken_as_it_is(front_door: RunningDoor) -> None:
    assert push(front_door, "survey_result", SURVEY_RESULT).status_code == 202
    assert stored(front_door) == [("survey_result", SURVEY_RESULT)]


def test_when_the_database_is_away_the_sender_is_told_to_send_again(front_door: RunningDoor) -> None:
    push(front_door, "deployment", DEPLOYMENT)
    with front_door.engine.begin() as connection:
        connection.execute(text("alter table landing.deliveries rename to away"))
    try:
        response = push(front_door, "deployment", DEPLOYMENT | {"pr_number": 8})
        assert (response.status_code, response.json()["error"]["code"]) == (503, "not_stored")
    finally:
        with front_door.engine.begin() as connection:
            connection.execute(text("alter table landing.away rename to deliveries"))
    assert push(front_door, "deployment", DEPLOYMENT | {"pr_number": 8}).status_code == 202
