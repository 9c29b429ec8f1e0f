"""The sink takes what is signed, refuses what is not, stores once, and says why when nobody will read it."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from urllib.parse import quote, urlparse

import httpx
import pytest
from sqlalchemy import Engine, text

from core.privacy import Pseudonymiser
from ingestion.landing import Archive, replay
from ingestion.webhooks.signatures import hub_signature_is_valid, sign
from tests.conftest import RunningDoor

PULL_REQUEST = {
    "action": "opened",
    "number": 7,
    "pull_request": {
        "number": 7,
        "title": "PAY-1 Add retries, with thanks to @dev-two",
        "body": "Co-authored-by: Somebody <somebody@example.org>",
        "created_at": "2026-03-02T09:00:00Z",
        "html_url": "https://github.com/acme-core-api/payments/pull/7",
        "user": {"login": "dev-one", "id": 1, "type": "User", "avatar_url": "https://example.org/a.png"},
        "head": {"ref": "feature/PAY-1-dev-one", "sha": "a" * 40},
        "base": {"ref": "main"},
    },
    "repository": {
        "full_name": "acme-core-api/payments",
        "owner": {"login": "acme-core-api", "type": "Organization", "id": 5},
    },
    "sender": {"login": "dev-one", "id": 1, "type": "User"},
}


def send(door: RunningDoor, payload: object, event: str = "pull_request", **headers: str) -> httpx.Response:
    body = json.dumps(payload).encode()
    return httpx.post(
        f"{door.url}/webhooks/github",
        content=body,
        headers={
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": "delivery-1",
            "X-Hub-Signature-256": sign(door.github_secret, body),
            **headers,
        },
    )


def rows(engine: Engine, sql: str) -> list[dict[str, object]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(sql)).mappings()]


def test_a_signed_delivery_is_stored_once_in_the_landing_and_in_the_archive(front_door: RunningDoor) -> None:
    first, second = send(front_door, PULL_REQUEST), send(front_door, PULL_REQUEST)

    assert (first.status_code, first.json()["data"]["is_duplicate"]) == (202, False)
    assert (second.status_code, second.json()["data"]["is_duplicate"]) == (202, True)
    stored = rows(front_door.engine, "select source, event_name, delivery_id, payload from landing.raw_events")
    assert [(row["source"], row["event_name"], row["delivery_id"]) for row in stored] == [
        ("github", "pull_request", "delivery-1")
    ]
    archived = list(Archive(front_door.settings.archive_location).read())
    assert [(item.delivery_id, item.payload) for item in archived] == [("delivery-1", stored[0]["payload"])]


def test_nothing_that_identifies_a_person_is_written(front_door: RunningDoor) -> None:
    send(front_door, PULL_REQUEST)

    in_database = json.dumps(rows(front_door.engine, "select payload from landing.raw_events"))
    folder = Path(urlparse(front_door.settings.archive_location).path)
    in_archive = b"".join(gzip.decompress(path.read_bytes()) for path in folder.rglob("*.gz")).decode()
    for written in (in_database, in_archive):
        for identifier in ("dev-one", "dev-two", "Somebody", "example.org", "avatar"):
            assert identifier not in written
        assert "acme-core-api/payments" in written
        assert "feature/PAY-1-person-" in written
        assert Pseudonymiser(front_door.pseudonym_key).hash("dev-one") in written


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "sha256=geschütz", "0" * 64],
    ids=["absent", "wrong", "another method", "not ASCII", "no method"],
)
def test_a_delivery_that_is_not_signed_rightly_is_refused_and_its_body_is_not_logged(
    front_door: RunningDoor, signature: str, log_lines: io.StringIO
) -> None:
    body = json.dumps(PULL_REQUEST).encode()
    response = httpx.post(
        f"{front_door.url}/webhooks/github",
        content=body,
        headers={"X-GitHub-Event": "pull_request", "X-Hub-Signature-256": signature.encode("latin-1")},  # type: ignore[dict-item]
    )

    assert response.status_code == 401
    assert response.json()["status"] == "error"
    assert response.json()["error"]["code"] == "invalid_signature"
    assert '"event": "webhook_refused"' in log_lines.getvalue()
    assert "Add retries" not in log_lines.getvalue()
    assert rows(front_door.engine, "select 1 from landing.raw_events") == []


def test_the_raw_bytes_are_signed_so_the_same_json_written_differently_is_refused(front_door: RunningDoor) -> None:
    signature = sign(front_door.github_secret, json.dumps(PULL_REQUEST, indent=1).encode())

    assert send(front_door, PULL_REQUEST, **{"X-Hub-Signature-256": signature}).status_code == 401


def test_while_a_secret_is_replaced_the_old_and_the_new_one_are_both_valid() -> None:
    body = b"{}"

    assert hub_signature_is_valid("new-secret\nold-secret", body, sign("old-secret", body))
    assert hub_signature_is_valid("new-secret\nold-secret", body, sign("new-secret", body))
    assert not hub_signature_is_valid("new-secret", body, sign("old-secret", body))
    assert not hub_signature_is_valid("", body, sign("", body))


@pytest.mark.parametrize(
    "body", [b"not json", b"[1]", b'"text"', b"\xff\xfe", b'{"a": NaN}', b'{"a":' * 5_000 + b"1" + b"}" * 5_000]
)
def test_a_body_that_is_not_a_json_object_is_refused_with_400(front_door: RunningDoor, body: bytes) -> None:
    response = httpx.post(
        f"{front_door.url}/webhooks/github",
        content=body,
        headers={"X-GitHub-Event": "push", "X-Hub-Signature-256": sign(front_door.github_secret, body)},
    )

    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_over_the_limit_is_refused_with_413(front_door: RunningDoor, is_chunked: bool) -> None:
    size = front_door.settings.max_body_bytes + 1
    content = (b"x" * 65_536 for _ in range(size // 65_536 + 1)) if is_chunked else b"x" * size
    try:
        response = httpx.post(f"{front_door.url}/webhooks/github", content=content, timeout=30)
    except httpx.WriteError:
        # The server may hang up while a body that it has refused is still being sent.
        return
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


def test_an_unknown_event_is_stored_and_listed_as_a_dead_letter_with_the_reason(front_door: RunningDoor) -> None:
    response = send(front_door, {"zen": "Keep it logically awesome.", "repository": None}, event="meteor_shower")

    assert response.status_code == 202
    assert rows(
        front_door.engine,
        "select event_name, reason from landing.dead_letters inner join landing.raw_events "
        "using (landing_id, event_name)",
    ) == [{"event_name": "meteor_shower", "reason": "no model reads the GitHub event 'meteor_shower'"}]


def test_a_known_event_without_what_a_model_needs_is_stored_with_the_missing_paths_as_the_reason(
    front_door: RunningDoor,
) -> None:
    response = send(front_door, PULL_REQUEST | {"repository": None})

    assert response.status_code == 202
    assert response.json()["data"]["problem"] == "the payload has no repository.full_name"


def test_a_delivery_as_a_form_is_the_same_delivery(front_door: RunningDoor) -> None:
    body = ("payload=" + quote(json.dumps(PULL_REQUEST))).encode()
    response = httpx.post(
        f"{front_door.url}/webhooks/github",
        content=body,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "X-GitHub-Event": "pull_request",
            "X-Hub-Signature-256": sign(front_door.github_secret, body),
        },
    )

    assert response.status_code == 202
    assert rows(front_door.engine, "select payload ->> 'number' as number from landing.raw_events") == [{"number": "7"}]


def test_text_that_postgresql_cannot_hold_is_stored_with_a_mark_in_its_place(front_door: RunningDoor) -> None:
    body = (
        json.dumps(PULL_REQUEST).replace("PAY-1 Add", "PAY-1 \\u0000\\ud83d Add").replace('"id": 1', f'"id": {2**70}')
    )
    response = httpx.post(
        f"{front_door.url}/webhooks/github",
        content=body.encode(),
        headers={
            "X-GitHub-Event": "pull_request",
            "X-Hub-Signature-256": sign(front_door.github_secret, body.encode()),
        },
    )

    assert response.status_code == 202
    stored = rows(front_door.engine, "select payload #>> '{pull_request,title}' as title from landing.raw_events")
    assert str(stored[0]["title"]).startswith("PAY-1 \ufffd? Add")


def test_many_deliveries_at_once_get_numbers_in_the_order_of_their_commits(front_door: RunningDoor) -> None:
    with httpx.Client() as client:
        for number in range(50):
            body = json.dumps(PULL_REQUEST | {"number": number}).encode()
            client.post(
                f"{front_door.url}/webhooks/github",
                content=body,
                headers={
                    "X-GitHub-Event": "pull_request",
                    "X-GitHub-Delivery": f"delivery-{number}",
                    "X-Hub-Signature-256": sign(front_door.github_secret, body),
                },
            )

    stored = rows(
        front_door.engine, "select payload ->> 'number' as number from landing.raw_events order by landing_id"
    )
    assert [row["number"] for row in stored] == [str(number) for number in range(50)]


def test_a_replay_of_the_archive_into_an_empty_landing_restores_every_row(front_door: RunningDoor) -> None:
    for number in range(5):
        send(front_door, PULL_REQUEST | {"number": number}, **{"X-GitHub-Delivery": f"delivery-{number}"})
    send(front_door, {}, event="meteor_shower", **{"X-GitHub-Delivery": "unknown"})
    query = (
        "select raw.received_at, raw.source, raw.event_name, raw.delivery_id, raw.payload, letters.reason "
        "from landing.raw_events as raw "
        "left join landing.dead_letters as letters on letters.landing_id = raw.landing_id "
        "order by raw.landing_id"
    )
    before = rows(front_door.engine, query)
    archive = Archive(front_door.settings.archive_location)
    with front_door.engine.begin() as connection:
        connection.execute(text("truncate landing.raw_events, landing.deliveries, landing.dead_letters"))

    assert replay(front_door.engine, archive) == (6, 0)
    assert rows(front_door.engine, query) == before
    assert replay(front_door.engine, archive) == (0, 6)
    assert rows(front_door.engine, query) == before
