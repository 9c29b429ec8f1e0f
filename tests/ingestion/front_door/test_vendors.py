"""Each vendor proves who it is in its own way; one without a secret is not served."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text
from starlette.applications import Starlette

from core.secrets import FileSecrets
from core.settings import Settings, SettingsError
from ingestion.front_door import FrontDoor
from ingestion.webhooks.vendors import VENDORS
from tests.conftest import RunningDoor, serving
from tests.ingestion.front_door import vendor_deliveries as sent
from tests.ingestion.front_door.vendor_deliveries import Sent

JIRA_SPRINT = {
    "timestamp": 1772445600000,
    "webhookEvent": "sprint_closed",
    "sprint": {"id": 4, "name": "Sprint 4", "state": "closed"},
}


def stored(engine: Engine) -> list[tuple[str, str, str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(
            text("select source, event_name, delivery_id, payload from landing.raw_events order by landing_id")
        )
        return [tuple(row) for row in found]


def dead_letters(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        found = connection.execute(
            text("select source, event_name, reason from landing.dead_letters order by dead_letter_id")
        )
        return [tuple(row) for row in found]


def test_every_vendors_delivery_is_taken_once_under_its_own_name(front_door: RunningDoor) -> None:
    answers = [delivery.to(front_door).json()["data"] for delivery in sent.ONE_OF_EACH]
    again = [delivery.to(front_door, **{"X-Attempt-Number": "2"}).json()["data"] for delivery in sent.ONE_OF_EACH]

    assert [answer["is_duplicate"] for answer in answers] == [False] * len(answers)
    assert [answer["is_duplicate"] for answer in again] == [True] * len(again)
    assert [row[:2] for row in stored(front_door.engine)] == [
        ("gitlab", "Merge Request Hook"),
        ("gitlab", "Pipeline Hook"),
        ("gitlab", "Push Hook"),
        ("bitbucket", "pullrequest:created"),
        ("bitbucket", "repo:commit_status_updated"),
        ("pagerduty", "incident.triggered"),
        ("opsgenie", "Create"),
        ("alertmanager", "firing"),
    ]
    assert dead_letters(front_door.engine) == [
        ("gitlab", "Push Hook", "no model reads the GitLab event 'Push Hook'"),
    ]


@pytest.mark.parametrize("proof", ["absent", "wrong", "not ASCII"])
def test_what_is_not_proved_is_refused(front_door: RunningDoor, proof: str) -> None:
    for delivery in sent.ONE_OF_EACH:
        body = json.dumps(delivery.payload).encode()
        right = delivery.prove(front_door.secret(delivery.secret), body)
        wrong = {
            "absent": {},
            "wrong": delivery.prove("another secret than the shared one", body),
            "not ASCII": {name: "gesch\xfctzt".encode("latin-1") for name in right},
        }[proof]
        response = httpx.post(
            f"{front_door.url}/webhooks/{delivery.vendor}",
            content=body,
            headers={**delivery.headers, **wrong},  # type: ignore[arg-type]
        )

        assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_signature"), delivery.vendor
    assert stored(front_door.engine) == []


@pytest.mark.parametrize(
    "delivery", [item for item in sent.ONE_OF_EACH if item.vendor in ("bitbucket", "pagerduty")], ids=lambda d: d.vendor
)
def test_a_signature_is_for_one_body(front_door: RunningDoor, delivery: Sent) -> None:
    proof = delivery.prove(front_door.secret(delivery.secret), b"{}")

    assert delivery.to(front_door, **proof).status_code == 401


# GitLab's signing token


def gitlab_door(clean_database: Engine, database: Settings, tmp_path: Path, secret: str) -> Starlette:
    """A door whose secrets folder holds this for GitLab, and what every door needs."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "pseudonym_key").write_text("k" * 32)
    (folder / "gitlab_webhook_secret").write_text(secret)
    return application(clean_database, database, tmp_path, FileSecrets(folder, generate=False))


def application(engine: Engine, settings: Settings, tmp_path: Path, secrets: FileSecrets) -> Starlette:
    settings = settings.model_copy(update={"archive_url": (tmp_path / "archive").as_uri()})
    door = FrontDoor(engine, secrets, settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette):  # type: ignore[no-untyped-def]
        async with door.lifespan():
            yield

    return Starlette(routes=door.routes, lifespan=lifespan)


def test_a_delivery_that_gitlab_signs_is_checked_by_its_signature_alone(
    clean_database: Engine, database: Settings, tmp_path: Path
) -> None:
    key, password = base64.b64encode(b"0123456789abcdef" * 2).decode(), "a token of the older kind"
    body = json.dumps(sent.GITLAB_MERGE_REQUEST.payload).encode()

    def headers(signature: str, **others: str) -> dict[str, str]:
        named = {"X-Gitlab-Event": "Merge Request Hook", "webhook-id": "msg-1", "webhook-timestamp": "1772445600"}
        return named | {"webhook-signature": signature} | others

    digest = hmac.new(base64.b64decode(key), b"msg-1.1772445600." + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    with serving(gitlab_door(clean_database, database, tmp_path, f"whsec_{key}\n{password}")) as url:

        def status(**given: str) -> int:
            return httpx.post(f"{url}/webhooks/gitlab", content=body, headers=given).status_code

        assert status(**headers(f"v1,AAAA {signature}")) == 202
        assert status(**headers(signature, **{"webhook-timestamp": "1772445601"})) == 401
        assert status(**headers(signature, **{"webhook-id": "msg-2"})) == 401
        # A signature that is wrong is not saved by a token that is right.
        assert status(**headers("v1,AAAA", **{"X-Gitlab-Token": password})) == 401
        assert status(**{"X-Gitlab-Event": "Merge Request Hook", "X-Gitlab-Token": password}) == 202
        # The key of a signature is not a password.
        assert status(**{"X-Gitlab-Event": "Merge Request Hook", "X-Gitlab-Token": f"whsec_{key}"}) == 401
    assert stored(clean_database)[0][2] == "msg-1"


# Jira without signatures


def test_a_jira_that_cannot_sign_proves_itself_by_the_address(front_door: RunningDoor) -> None:
    token = front_door.secret("jira_webhook_token")

    right = httpx.post(f"{front_door.url}/webhooks/jira/{token}", json=JIRA_SPRINT)
    wrong = httpx.post(f"{front_door.url}/webhooks/jira/{token[:-1]}", json=JIRA_SPRINT)
    by_the_other_secret = httpx.post(f"{front_door.url}/webhooks/jira/{front_door.jira_secret}", json=JIRA_SPRINT)
    unsigned = httpx.post(f"{front_door.url}/webhooks/jira", json=JIRA_SPRINT)

    answers = [right, wrong, by_the_other_secret, unsigned]
    assert [answer.status_code for answer in answers] == [202, 401, 401, 401]
    assert [row[:2] for row in stored(front_door.engine)] == [("jira", "sprint_closed")]
    assert dead_letters(front_door.engine) == []


def test_the_token_in_the_address_is_not_logged_even_by_an_access_log(
    front_door: RunningDoor, log_lines: io.StringIO
) -> None:
    token = front_door.secret("jira_webhook_token")
    routes = [route for route in front_door_routes(front_door) if "jira" in route.path]
    with serving(Starlette(routes=routes), access_log=True) as url:
        httpx.post(f"{url}/webhooks/jira/{token}", content=b"[1]")
        httpx.post(f"{url}/webhooks/jira/{token}?x=1", content=b"[1]")

    assert "/webhooks/jira/[redacted]" in log_lines.getvalue()
    assert '"event": "webhook_refused"' in log_lines.getvalue()
    assert token not in log_lines.getvalue()


def front_door_routes(door: RunningDoor) -> list[Any]:
    from core.secrets import secrets_for

    return list(FrontDoor(door.engine, secrets_for(door.settings), door.settings).routes)


# Which vendors are served


def test_a_vendor_without_a_secret_is_not_served_and_stops_nothing(
    clean_database: Engine, database: Settings, tmp_path: Path
) -> None:
    with serving(gitlab_door(clean_database, database, tmp_path, "a token of GitLab's own")) as url:
        answers = {
            vendor.path: httpx.post(url + vendor.path.replace("{token}", "anything"), content=b"{}")
            for vendor in VENDORS
        }
    assert {path: answer.status_code for path, answer in answers.items()} == {
        vendor.path: 401 if vendor.source == "gitlab" else 404 for vendor in VENDORS
    }
    error = answers["/webhooks/pagerduty"].json()["error"]
    assert error["code"] == "not_configured"
    assert "the secret pagerduty_webhook_secret is missing" in error["message"]


def test_a_placeholder_in_place_of_a_secret_stops_the_start(
    clean_database: Engine, database: Settings, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="gitlab_webhook_secret"):
        gitlab_door(clean_database, database, tmp_path, "changeme")


# Numbers and dead letters


def test_a_reminder_of_an_alert_that_goes_on_is_the_same_delivery_and_its_end_is_another(
    front_door: RunningDoor,
) -> None:
    started = "2026-03-02T10:00:00.5Z"
    told = [
        sent.alertmanager("firing", [sent.alert("firing", "aaaa", started)]),
        sent.alertmanager("firing", [sent.alert("firing", "aaaa", started, "2026-03-02T10:05:00Z")]),
        sent.alertmanager("firing", [sent.alert("firing", "aaaa", started), sent.alert("firing", "bbbb", started)]),
        sent.alertmanager("firing", [sent.alert("firing", "bbbb", started), sent.alert("firing", "aaaa", started)]),
        sent.alertmanager("resolved", [sent.alert("resolved", "aaaa", started, "2026-03-02T10:30:00Z")]),
    ]
    answers = [delivery.to(front_door).json()["data"]["is_duplicate"] for delivery in told]

    assert answers == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("delivery", "problem"),
    [
        (sent.PAGERDUTY_TRIGGERED.changed("event.data.id", None), "the payload has no event.data.id"),
        (sent.PAGERDUTY_TRIGGERED.changed("event.event_type", "incident.acknowledged"), None),
        (sent.PAGERDUTY_TRIGGERED.changed("event.event_type", "service.updated"), "no model reads the PagerDuty event"),
        (sent.OPSGENIE_CREATE.changed("alert", {}), "the payload has no alert.alertId"),
        (sent.OPSGENIE_CREATE.changed("action", "Acknowledge"), None),
        (sent.OPSGENIE_CREATE.changed("action", "Reboot"), "no model reads the Opsgenie event"),
        (sent.ALERTMANAGER_FIRING.changed("alerts", []), "the payload has no list of alerts"),
        (sent.ALERTMANAGER_FIRING.changed("alerts", [{}]), "an alert cannot be read: the payload has no fingerprint"),
        (sent.ALERTMANAGER_FIRING.changed("truncatedAlerts", 3), "3 alerts were left out"),
        (sent.GITLAB_MERGE_REQUEST.changed("project", {}), "the payload has no project.path_with_namespace"),
        (sent.BITBUCKET_PULL_REQUEST.changed("pullrequest", None), "the payload has no pullrequest.id"),
    ],
)
def test_what_no_model_will_read_is_told_and_stored(
    front_door: RunningDoor, delivery: Sent, problem: str | None
) -> None:
    response = delivery.to(front_door)

    assert response.status_code == 202
    told = response.json()["data"]["problem"]
    assert told is None if problem is None else told.startswith(problem)
    assert len(stored(front_door.engine)) == 1
    assert len(dead_letters(front_door.engine)) == (problem is not None)
