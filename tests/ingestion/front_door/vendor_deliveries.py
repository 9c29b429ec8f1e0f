"""Deliveries of every vendor but GitHub and Jira: the vendors' documented forms, with people who stand out.

Nobody here exists. Each identifier of a person is of no other use, so that a search for it finds leaks alone.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from core.secrets import SecretName
from ingestion.webhooks.signatures import sign, sign_pagerduty
from tests.conftest import RunningDoor

Payload = dict[str, Any]
REPOSITORY = "acme-core-api/payments"


@dataclass(frozen=True)
class Sent:
    """One delivery of a vendor; `prove` makes the headers that prove it, of the shared secret and the body."""

    vendor: str
    secret: SecretName
    headers: dict[str, str]
    payload: Payload
    prove: Callable[[str, bytes], dict[str, str]]

    def to(self, door: RunningDoor, **headers: str) -> httpx.Response:
        """Deliver it; `headers` come on top."""
        body = json.dumps(self.payload).encode()
        proof = self.prove(door.secret(self.secret), body)
        return httpx.post(
            f"{door.url}/webhooks/{self.vendor}", content=body, headers={**self.headers, **proof, **headers}
        )

    def changed(self, path: str, value: object) -> Sent:
        """The same delivery with another value at a dotted path."""
        payload = copy.deepcopy(self.payload)
        *parents, name = path.split(".")
        place = payload
        for parent in parents:
            place = place[parent]
        place[name] = value
        return Sent(self.vendor, self.secret, self.headers, payload, self.prove)


def _bearer(secret: str, _body: bytes) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def _gitlab_user(number: int, name: str) -> Payload:
    return {
        "id": number,
        "name": f"Gl{name} Glsurname{name}",
        "username": f"gl-login-{name}",
        "avatar_url": f"https://www.gravatar.com/avatar/gl{name}?s=80",
        "email": f"gl.{name}@people.example.org",
    }


_GITLAB_PROJECT = {
    "id": 1,
    "name": "payments",
    "web_url": f"https://gitlab.example.com/{REPOSITORY}",
    "namespace": "acme-core-api",
    "path_with_namespace": REPOSITORY,
    "default_branch": "main",
}
_GITLAB_COMMIT = {
    "id": "c" * 40,
    "message": "PAY-1 Retry\n\nReviewed-by: Glsomebody Else <gl.else@people.example.org>",
    "title": "PAY-1 Retry",
    "timestamp": "2026-03-02T09:00:00+00:00",
    "url": "https://gitlab.example.com/-/commit/c",
    "author": {"name": "Glcommit Glauthor", "email": "gl.commit@people.example.org"},
}
GITLAB_MERGE_REQUEST = Sent(
    vendor="gitlab",
    secret="gitlab_webhook_secret",
    headers={
        "X-Gitlab-Event": "Merge Request Hook",
        "Idempotency-Key": "f5e6a2f8-0000-4000-8000-000000000001",
        "X-Gitlab-Event-UUID": "13792a34-0000-4000-8000-000000000001",
    },
    prove=lambda secret, _body: {"X-Gitlab-Token": secret},
    payload={
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": _gitlab_user(770001, "opener"),
        "project": _GITLAB_PROJECT,
        "object_attributes": {
            "id": 99,
            "iid": 7,
            "source_branch": "feature/PAY-1-gl-login-opener",
            "target_branch": "main",
            "author_id": 770001,
            "assignee_ids": [770002],
            "reviewer_ids": [770002],
            "merge_user_id": None,
            "last_edited_by_id": 770002,
            "title": "PAY-1 Retry, with @gl-login-reviewer",
            "description": "Asked by Glreviewer Glsurnamereviewer, see https://gitlab.com/gl-login-reviewer",
            "created_at": "2026-03-02 09:00:00 UTC",
            "updated_at": "2026-03-02 09:00:00 UTC",
            "action": "open",
            "state": "opened",
            "draft": False,
            "last_commit": _GITLAB_COMMIT,
        },
        "labels": [],
        "changes": {
            "author_id": {"previous": None, "current": 770001},
            "assignees": {"previous": [], "current": [_gitlab_user(770002, "reviewer")]},
        },
        "assignees": [_gitlab_user(770002, "reviewer")],
        "reviewers": [_gitlab_user(770002, "reviewer") | {"state": "unreviewed"}],
    },
)
GITLAB_PIPELINE = Sent(
    vendor="gitlab",
    secret="gitlab_webhook_secret",
    headers={"X-Gitlab-Event": "Pipeline Hook", "Idempotency-Key": "f5e6a2f8-0000-4000-8000-000000000002"},
    prove=lambda secret, _body: {"X-Gitlab-Token": secret},
    payload={
        "object_kind": "pipeline",
        "object_attributes": {"id": 31, "ref": "main", "sha": "c" * 40, "status": "success", "duration": 63},
        "user": _gitlab_user(770003, "runner"),
        "project": _GITLAB_PROJECT,
        "commit": _GITLAB_COMMIT,
        "builds": [{"id": 380, "stage": "deploy", "name": "production", "user": _gitlab_user(770003, "runner")}],
    },
)
GITLAB_PUSH = Sent(
    vendor="gitlab",
    secret="gitlab_webhook_secret",
    headers={"X-Gitlab-Event": "Push Hook", "Idempotency-Key": "f5e6a2f8-0000-4000-8000-000000000003"},
    prove=lambda secret, _body: {"X-Gitlab-Token": secret},
    payload={
        "object_kind": "push",
        "ref": "refs/heads/main",
        "user_id": 770004,
        "user_name": "Glpusher Glpushersurname",
        "user_username": "gl-login-pusher",
        "user_email": "gl.pusher@people.example.org",
        "user_avatar": "https://s.gravatar.com/avatar/glpusher",
        "project": _GITLAB_PROJECT,
        "commits": [_GITLAB_COMMIT],
    },
)


def _bitbucket_user(name: str, number: int) -> Payload:
    return {
        "type": "user",
        "display_name": f"Bb{name} Bbsurname{name}",
        "nickname": f"bbnick-{name}",
        "uuid": f"{{bb000000-0000-4000-8000-{number:012d}}}",
        "account_id": f"557058:bbaccount-{name}",
        "links": {"avatar": {"href": f"https://avatar.example.org/bbnick-{name}"}},
    }


_BITBUCKET_REPOSITORY = {
    "type": "repository",
    "name": "payments",
    "full_name": REPOSITORY,
    "uuid": "{00000000-0000-4000-8000-00000000aaaa}",
    "owner": {"type": "team", "display_name": "Acme", "username": "acme-core-api", "uuid": "{0}"},
}
BITBUCKET_PULL_REQUEST = Sent(
    vendor="bitbucket",
    secret="bitbucket_webhook_secret",
    headers={"X-Event-Key": "pullrequest:created", "X-Request-UUID": "bb-request-1", "X-Attempt-Number": "1"},
    prove=lambda secret, body: {"X-Hub-Signature": sign(secret, body)},
    payload={
        "actor": _bitbucket_user("author", 1),
        "repository": _BITBUCKET_REPOSITORY,
        "pullrequest": {
            "id": 7,
            "title": "PAY-1 Retry for bbnick-author",
            "description": "Please look, @{557058:bbaccount-reviewer}",
            "summary": {
                "raw": "Please look, @{557058:bbaccount-reviewer}",
                "html": '<p>Please look, <span data-atlassian-id="557058:bbaccount-reviewer">@Bbreviewer</span></p>',
            },
            "state": "OPEN",
            "author": _bitbucket_user("author", 1),
            "reviewers": [_bitbucket_user("reviewer", 2)],
            "participants": [{"type": "participant", "user": _bitbucket_user("reviewer", 2), "approved": False}],
            "closed_by": None,
            "source": {"branch": {"name": "feature/PAY-1-bbnick-author"}, "commit": {"hash": "d" * 12}},
            "destination": {"branch": {"name": "main"}},
            "merge_commit": {
                "hash": "e" * 12,
                "author": {
                    "type": "author",
                    "raw": "Bbauthor Bbsurnameauthor <bb.author@people.example.org>",
                    "user": _bitbucket_user("author", 1),
                },
            },
            "created_on": "2026-03-02T09:00:00+00:00",
            "updated_on": "2026-03-02T09:00:00+00:00",
        },
    },
)
BITBUCKET_STATUS = Sent(
    vendor="bitbucket",
    secret="bitbucket_webhook_secret",
    headers={"X-Event-Key": "repo:commit_status_updated", "X-Request-UUID": "bb-request-2"},
    prove=lambda secret, body: {"X-Hub-Signature": sign(secret, body)},
    payload={
        "actor": _bitbucket_user("author", 1),
        "repository": _BITBUCKET_REPOSITORY,
        "commit_status": {
            "key": "build",
            "state": "SUCCESSFUL",
            "commit": {
                "hash": "e" * 40,
                "author": {"type": "author", "raw": "Bbguest Bbsurnameguest <bb.guest@people.example.org>"},
            },
        },
    },
)


def _pagerduty_user(number: str, name: str) -> Payload:
    return {
        "html_url": f"https://acme.pagerduty.com/users/{number}",
        "id": number,
        "self": f"https://api.pagerduty.com/users/{number}",
        "summary": name,
        "type": "user_reference",
    }


def pagerduty(event_type: str, occurred_at: str, event_id: str, **incident: object) -> Sent:
    """A delivery about PagerDuty's incident PGR0VU2."""
    return Sent(
        vendor="pagerduty",
        secret="pagerduty_webhook_secret",
        headers={},
        prove=lambda secret, body: {"X-PagerDuty-Signature": f"v1={'0' * 64},{sign_pagerduty(secret, body)}"},
        payload={
            "event": {
                "id": event_id,
                "event_type": event_type,
                "resource_type": "incident",
                "occurred_at": occurred_at,
                "agent": _pagerduty_user("PDUSER1", "Pdagent Pdsurname"),
                "client": {"name": "PagerDuty"},
                "data": {
                    "id": "PGR0VU2",
                    "type": "incident",
                    "title": "Payments fail, says Pdagent Pdsurname",
                    "service": {"id": "PF9KMXH", "summary": "payments", "type": "service_reference"},
                    "assignees": [_pagerduty_user("PDUSER2", "Pdassignee Pdother")],
                    "priority": {"id": "PSO75BM", "summary": "P1", "type": "priority_reference"},
                    "urgency": "high",
                    **incident,
                },
            }
        },
    )


PAGERDUTY_TRIGGERED = pagerduty("incident.triggered", "2026-03-02T10:00:00.000Z", "01PDEVENT1")


def opsgenie(action: str, **alert: object) -> Sent:
    """A delivery about an alert of Opsgenie."""
    return Sent(
        vendor="opsgenie",
        secret="opsgenie_webhook_token",
        headers={},
        prove=_bearer,
        payload={
            "action": action,
            "source": {"name": "og.source@people.example.org", "type": "web"},
            "alert": {
                "alertId": "052652ac-5d1c-464a-812a-7dd18bbfba8c",
                "message": "Disk full, ask og.owner@people.example.org",
                "tinyId": "23",
                "entity": "payments",
                "priority": "P2",
                "username": "og.creator@people.example.org",
                "userId": "daed1180-oguser-creator",
                "owner": "Ogowner Ogsurname",
                "recipients": ["og.recipient@people.example.org"],
                "responders": [
                    {"id": "oguser-responder", "type": "user", "name": "Ogresponder Ogother"},
                    {"id": "8418d193-0000-4000-8000-000000000000", "type": "team", "name": "Payments"},
                ],
                "createdAt": 1772445600000,
                "updatedAt": 1772445600000000000,
                **alert,
            },
            "integrationName": "Webhook",
            "integrationId": "3163a9f9-0000-4000-8000-000000000000",
        },
    )


OPSGENIE_CREATE = opsgenie("Create")


def alertmanager(status: str, alerts: list[Payload]) -> Sent:
    """A delivery about a group of alerts."""
    return Sent(
        vendor="alertmanager",
        secret="alertmanager_webhook_token",
        headers={},
        prove=_bearer,
        payload={
            "version": "4",
            "groupKey": '{}:{alertname="Slow"}',
            "truncatedAlerts": 0,
            "status": status,
            "receiver": "platform",
            "groupLabels": {"alertname": "Slow"},
            "commonLabels": {"alertname": "Slow"},
            "commonAnnotations": {"contact": "am.contact@people.example.org"},
            "externalURL": "https://alerts.example.org",
            "alerts": alerts,
        },
    )


def alert(status: str, fingerprint: str, started_at: str, ended_at: str = "0001-01-01T00:00:00Z") -> Payload:
    """One alert of a group."""
    return {
        "status": status,
        "labels": {"alertname": "Slow", "severity": "critical", "service": "payments"},
        "annotations": {
            "summary": "Payments are slow",
            "description": "Ask @am-oncall or am.oncall@people.example.org",
        },
        "startsAt": started_at,
        "endsAt": ended_at,
        "generatorURL": "https://prometheus.example.org/graph",
        "fingerprint": fingerprint,
    }


ALERTMANAGER_FIRING = alertmanager("firing", [alert("firing", "1a30ba71cca2921f", "2026-03-02T10:00:00.5Z")])

ONE_OF_EACH = (
    GITLAB_MERGE_REQUEST,
    GITLAB_PIPELINE,
    GITLAB_PUSH,
    BITBUCKET_PULL_REQUEST,
    BITBUCKET_STATUS,
    PAGERDUTY_TRIGGERED,
    OPSGENIE_CREATE,
    ALERTMANAGER_FIRING,
)
