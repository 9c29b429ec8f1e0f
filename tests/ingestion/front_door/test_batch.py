"""Many events in one request: each line has its own fate, or all share one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from core.api_keys import create_key
from ingestion.landing import Archive, Delivery, Inbox, InboxClosed, Receipt
from ingestion.push.batch import LARGEST_BATCH
from tests.conftest import RunningDoor
from tests.ingestion.front_door.test_push import DEPLOYMENT, INCIDENT, SURVEY, push, stored


def send(
    door: RunningDoor,
    lines: list[Any],
    mode: str | None = None,
    key: str | None = None,
    media_type: str = "application/x-ndjson",
) -> httpx.Response:
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return httpx.post(
        f"{door.url}/api/v1/events/batch",
        params={} if mode is None else {"mode": mode},
        content=body,
        headers={"Authorization": f"Bearer {key or door.api_key}", "Content-Type": media_type},
    )


def deployment(number: int, **fields: Any) -> dict[str, Any]:
    return {"type": "deployment"} | DEPLOYMENT | {"pr_number": number} | fields


def outcomes(response: httpx.Response) -> list[str]:
    return [line["outcome"] for line in response.json()["data"]["lines"]]


def test_every_line_is_stored_in_order_under_its_own_type(front_door: RunningDoor) -> None:
    lines = [deployment(1), {"type": "incident"} | INCIDENT, b"", {"type": "survey"} | SURVEY]
    response = send(front_door, lines)

    assert response.status_code == 202
    data = response.json()["data"]
    assert (data["accepted"], data["duplicate"], data["refused"]) == (3, 0, 0)
    assert [line["line"] for line in data["lines"]] == [1, 2, 4]
    assert [name for name, _ in stored(front_door)] == ["deployment", "incident", "survey"]
    assert all("type" not in payload for _, payload in stored(front_door))
    assert "example.org" not in json.dumps(stored(front_door))


def test_a_whole_batch_is_one_transaction(front_door: RunningDoor) -> None:
    response = send(front_door, [deployment(number) for number in range(1, LARGEST_BATCH + 1)])

    assert (response.status_code, response.json()["data"]["accepted"]) == (202, LARGEST_BATCH)
    with front_door.engine.connect() as connection:
        transactions = connection.execute(text("select count(distinct xmin::text) from landing.deliveries")).scalar()
    assert (len(stored(front_door)), transactions) == (LARGEST_BATCH, 1)


def test_one_wrong_line_refuses_all_unless_each_is_asked_for(front_door: RunningDoor) -> None:
    lines = [deployment(1), deployment(2, status="exploded"), b"{not json", {"type": "party"}, deployment(3)]

    refused = send(front_door, lines)
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["code"] == "batch_refused"
    assert [(line["line"], line["code"]) for line in error["lines"]] == [
        (2, "invalid_event"),
        (3, "invalid_json"),
        (4, "invalid_event"),
    ]
    assert [line.get("fields", [{}])[0].get("field") for line in error["lines"]] == ["status", None, "type"]
    assert stored(front_door) == []

    each = send(front_door, lines, mode="each")
    assert each.status_code == 207
    assert outcomes(each) == ["accepted", "refused", "refused", "refused", "accepted"]
    assert [payload["pr_number"] for _, payload in stored(front_door)] == [1, 3]


def test_where_every_line_is_wrong_nothing_was_taken(front_door: RunningDoor) -> None:
    assert send(front_door, [{"type": "deployment"}], mode="each").status_code == 422


def test_a_batch_sent_twice_is_stored_once_and_an_event_within_it_too(front_door: RunningDoor) -> None:
    lines = [deployment(1), deployment(1), deployment(2, idempotency_key="run-2")]
    assert outcomes(send(front_door, lines)) == ["accepted", "duplicate", "accepted"]
    assert outcomes(send(front_door, lines)) == ["duplicate"] * 3
    assert len(stored(front_door)) == 2


def test_alone_or_in_a_batch_it_is_the_same_event(front_door: RunningDoor) -> None:
    push(front_door, "deployment", DEPLOYMENT | {"pr_number": 1})
    push(front_door, "deployment", DEPLOYMENT | {"pr_number": 2}, **{"X-Idempotency-Key": "run-2"})

    lines = [deployment(1), deployment(9, idempotency_key="run-2")]
    assert outcomes(send(front_door, lines)) == ["duplicate", "duplicate"]


def test_a_key_for_one_repository_is_refused_line_by_line(front_door: RunningDoor) -> None:
    with front_door.engine.begin() as connection:
        _, key = create_key(connection, "scoped", ["events:write"], {"repositories": ["acme-core-api/payments"]})

    response = send(front_door, [deployment(1), deployment(2, repo_full_name="acme-auth/tokens")], "each", key)
    assert outcomes(response) == ["accepted", "refused"]
    assert response.json()["data"]["lines"][1]["code"] == "out_of_scope"


@pytest.mark.parametrize(
    ("lines", "mode", "media_type", "status", "code"),
    [
        ([b"", b" "], None, "application/x-ndjson", 422, "empty_batch"),
        ([deployment(1)], "some", "application/x-ndjson", 422, "invalid_mode"),
        ([deployment(1)], None, "application/json", 415, "wrong_media_type"),
        ([b"{}"] * (LARGEST_BATCH + 1), "each", "application/x-ndjson", 413, "too_many_events"),
    ],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(
    front_door: RunningDoor, lines: list[Any], mode: str | None, media_type: str, status: int, code: str
) -> None:
    response = send(front_door, lines, mode, media_type=media_type)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert stored(front_door) == []


def test_without_the_permission_no_line_is_read(front_door: RunningDoor) -> None:
    with front_door.engine.begin() as connection:
        _, key = create_key(connection, "reader", ["metrics:read"])

    assert send(front_door, [b"{not json"], key=key).status_code == 403
    assert send(front_door, [b"{not json"], key="dpp_nobody").status_code == 401


def test_a_delivery_that_the_database_cannot_hold_takes_no_other_along(clean_database: Engine, tmp_path: Path) -> None:
    def delivery(name: str, payload: object) -> Delivery:
        return Delivery("push", "deployment", name, payload, datetime(2026, 1, 5, tzinfo=UTC))

    async def store() -> list[object]:
        inbox = Inbox(clean_database, Archive((tmp_path / "archive").as_uri()))
        inbox.open()
        waiting = (inbox.store(delivery(name, payload)) for name, payload in (("a", 1), ("b", "\x00"), ("c", 2)))
        found = await asyncio.gather(*waiting, return_exceptions=True)
        await inbox.close()
        return list(found)

    first, second, third = asyncio.run(store())
    assert isinstance(second, InboxClosed)
    assert isinstance(first, Receipt)
    assert isinstance(third, Receipt)
    with clean_database.connect() as connection:
        assert list(connection.execute(text("select delivery_id from landing.deliveries order by 1")).scalars()) == [
            "a",
            "c",
        ]
