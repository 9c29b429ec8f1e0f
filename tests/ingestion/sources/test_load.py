"""Recorded files through the front door: what was refused is told with its line, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ingestion.load import Unreachable, load_deployments, load_incidents, load_webhooks, sender
from ingestion.load.sender import Message, Sender
from tests.conftest import RunningDoor, serving
from tests.ingestion.sources.conftest import Query

DEPLOYMENT = {
    "pipeline_id": "deploy/1",
    "environment": "production",
    "status": "success",
    "repo_full_name": "acme/payments",
    "commit_sha": "",
    "started_at": "2026-01-05T09:00:00Z",
    "completed_at": "2026-01-05T09:10:00Z",
}
INCIDENT = {
    "incident_id": "1",
    "event_type": "incident_opened",
    "service_name": "payments",
    "severity": "high",
    "occurred_at": "2026-01-05T09:20:00Z",
}


def write_lines(file: Path, *lines: object) -> Path:
    """A file of JSON lines; text stands as it is."""
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return file


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "FIRST_DELAY_SECONDS", 0.001)


def test_lines_that_are_refused_are_named_and_the_rest_goes_on(
    front_door: RunningDoor, tmp_path: Path, rows: Query
) -> None:
    file = write_lines(
        tmp_path / "deployments.ndjson",
        DEPLOYMENT,
        DEPLOYMENT | {"pipeline_id": "deploy/2", "status": "perhaps"},
        "",
        "{not json",
        DEPLOYMENT | {"pipeline_id": "deploy/3", "completed_at": "2026-01-05T08:00:00Z"},
        DEPLOYMENT,
        DEPLOYMENT | {"pipeline_id": "deploy/4"},
    )
    done: list[int] = []
    report = load_deployments(file, front_door.url, front_door.api_key, done.append)
    assert (report.sent, report.accepted, report.duplicates) == (6, 2, 1)
    assert [(note.reference, note.reason[:20]) for note in report.refused] == [
        ("line 2", "422 status: Input sh"),
        ("line 4", "400 The body is not "),
        ("line 5", "422 completed_at: is"),
    ]
    assert done == [1, 2, 3, 4, 5, 6]
    assert rows("select payload ->> 'pipeline_id' from landing.raw_events order by 1") == [("deploy/1",), ("deploy/4",)]
    assert str(report).startswith("6 sent: 2 accepted, 1 there already, 3 refused")


def test_loading_a_file_twice_stores_nothing_twice(front_door: RunningDoor, tmp_path: Path, rows: Query) -> None:
    file = write_lines(tmp_path / "incidents.ndjson", INCIDENT, INCIDENT | {"incident_id": "2"})
    assert load_incidents(file, front_door.url, front_door.api_key).accepted == 2
    assert load_incidents(file, front_door.url, front_door.api_key).duplicates == 2
    assert rows("select count(*) from landing.raw_events") == [(2,)]


def test_a_wrong_key_refuses_every_line(front_door: RunningDoor, tmp_path: Path) -> None:
    report = load_deployments(write_lines(tmp_path / "d.ndjson", DEPLOYMENT), front_door.url, "dpp_wrong")
    assert [note.reason for note in report.refused] == ["401 This API key is unknown, switched off or expired"]


def test_webhooks_are_signed_and_named_by_their_folder(front_door: RunningDoor, tmp_path: Path, rows: Query) -> None:
    (tmp_path / "ping").mkdir()
    (tmp_path / "star").mkdir()
    (tmp_path / "ping" / "payload.json").write_text('{"zen": "Keep it simple"}')
    (tmp_path / "star" / "payload.json").write_text('{"action": "created"}')
    (tmp_path / "LICENSE").write_text("not a payload")
    report = load_webhooks(tmp_path, "github", front_door.url, front_door.github_secret)
    assert (report.accepted, len(report.refused)) == (2, 0)
    assert [(note.reference, note.reason) for note in report.not_understood] == [
        ("star/payload.json", "no model reads the GitHub event 'star'")
    ]
    assert rows("select event_name from landing.raw_events order by 1") == [("ping",), ("star",)]
    assert load_webhooks(tmp_path, "github", front_door.url, front_door.github_secret).duplicates == 2


def test_a_wrong_secret_refuses_every_webhook(front_door: RunningDoor, tmp_path: Path) -> None:
    (tmp_path / "payload.json").write_text('{"webhookEvent": "jira:issue_created"}')
    report = load_webhooks(tmp_path, "jira", front_door.url, "another secret")
    assert [note.reason[:3] for note in report.refused] == ["401"]


def test_a_folder_without_payloads_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \*\.json under"):
        load_webhooks(tmp_path, "jira", "http://127.0.0.1:1", "secret")


def test_nobody_at_the_address_ends_the_load(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1 does not answer"):
        load_deployments(write_lines(tmp_path / "d.ndjson", DEPLOYMENT), "http://127.0.0.1:1", "key")


def application(answer: Callable[[Request], Awaitable[Response]]) -> Starlette:
    return Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])


def messages(count: int) -> list[Message]:
    return [Message(f"line {number}", "/take", {}, str(number).encode()) for number in range(count)]


def test_answers_come_in_the_order_of_the_messages() -> None:
    async def echo(request: Request) -> Response:
        return JSONResponse({"data": {"body": (await request.body()).decode()}}, 202)

    with serving(application(echo)) as url, Sender(url) as sending:
        answers = list(sending.send(messages(1_000)))
    assert [answer.data["body"] for answer in answers] == [str(number) for number in range(1_000)]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_tried_again(status: int) -> None:
    asked: list[Any] = []

    async def busy_at_first(request: Request) -> Response:
        asked.append(await request.body())
        return JSONResponse({}, status if len(asked) < 3 else 202, headers={"Retry-After": "0"})

    with serving(application(busy_at_first)) as url, Sender(url) as sending:
        assert [answer.status for answer in sending.send(messages(1))] == [202]
    assert len(asked) == 3


def test_a_server_that_stays_busy_is_reported() -> None:
    async def busy(_request: Request) -> Response:
        return JSONResponse({"error": {"message": "please send it again"}}, 503)

    with serving(application(busy)) as url, Sender(url) as sending:
        [answer] = sending.send(messages(1))
    assert (answer.status, answer.message) == (503, "please send it again")


def test_a_page_instead_of_an_answer_is_shown_in_short() -> None:
    async def proxy(_request: Request) -> Response:
        return PlainTextResponse("Bad gateway " * 100, 502)

    with serving(application(proxy)) as url, Sender(url) as sending:
        [answer] = sending.send(messages(1))
    assert answer.message.startswith("Bad gateway")
    assert len(answer.message) == 200


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://localhost", "http://", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        Sender(address)
