"""Hand-made deliveries as the front door stores them: the vendors' shapes, people already replaced by pseudonyms.

In: what a test cares about. Out: `Delivery` objects, and a way to land them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def at(clock: str, day: int = 0) -> datetime:
    """An instant by the clock of the first Monday of 2026, or so many days later."""
    hours, minutes = clock.split(":")
    return MONDAY + timedelta(days=day, hours=int(hours), minutes=int(minutes))


@dataclass(frozen=True)
class Delivery:
    """One row of the inbox, without its number."""

    source: str
    event_name: str
    payload: Mapping[str, Any]
    received_at: datetime = field(default=MONDAY)


def land(engine: Engine, deliveries: Iterable[Delivery]) -> None:
    """Append deliveries to the inbox in this order."""
    with engine.begin() as connection:
        for delivery in deliveries:
            connection.execute(
                text(
                    """
                    insert into landing.raw_events (received_at, source, event_name, delivery_id, payload)
                    values (:received_at, :source, :event_name, gen_random_uuid(), cast(:payload as jsonb))
                    """
                ),
                {
                    "received_at": delivery.received_at,
                    "source": delivery.source,
                    "event_name": delivery.event_name,
                    "payload": json.dumps(delivery.payload),
                },
            )


def stamp(moment: datetime | None) -> str | None:
    """GitHub's way of writing an instant."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def person(name: str | None, kind: str = "User") -> dict[str, Any] | None:
    """A person object after pseudonymisation; a deleted account is null."""
    return None if name is None else {"person_hash": name.ljust(64, "0"), "type": kind}


@dataclass(frozen=True)
class PullRequest:
    """A pull request from which deliveries can be made."""

    number: int
    branch: str
    opened: datetime
    repo: str = "acme-core/pay"
    author: str | None = "author"
    title: str = "A change"
    body: str | None = None
    base: str = "main"
    labels: tuple[str, ...] = ()

    def _object(
        self, updated: datetime, head: str, *, draft: bool, merged: datetime | None, closed: datetime | None
    ) -> Any:
        return {
            "number": self.number,
            "title": self.title,
            "body": self.body,
            "draft": draft,
            "user": person(self.author),
            # The fork was deleted: GitHub sends null.
            "head": {"ref": self.branch, "sha": head, "repo": None, "user": None},
            "base": {"ref": self.base, "sha": "base"},
            "labels": [{"id": 1, "name": name} for name in self.labels],
            "created_at": stamp(self.opened),
            "updated_at": stamp(updated),
            "merged_at": stamp(merged),
            "closed_at": stamp(merged or closed),
            "merge_commit_sha": self.merge_sha if merged else "0" * 40,
        }

    @property
    def merge_sha(self) -> str:
        """The commit that merging it makes."""
        return f"{self.number:040x}"

    def _delivery(self, event_name: str, action: str, moment: datetime, rest: Mapping[str, Any]) -> Delivery:
        repository = {"full_name": self.repo, "default_branch": "main"}
        return Delivery("github", event_name, {"action": action, "repository": repository, **rest}, moment)

    def told(
        self,
        action: str,
        moment: datetime,
        *,
        head: str = "head-1",
        draft: bool = False,
        merged: datetime | None = None,
        closed: datetime | None = None,
        size: int = 10,
    ) -> Delivery:
        """A `pull_request` delivery."""
        content = self._object(moment, head, draft=draft, merged=merged, closed=closed)
        content.update(additions=size, deletions=1, changed_files=2, comments=0, review_comments=1)
        return self._delivery("pull_request", action, moment, {"number": self.number, "pull_request": content})

    def created_branch(self, moment: datetime) -> Delivery:
        """The `push` delivery of its branch's creation."""
        repository = {"full_name": self.repo, "default_branch": "main", "pushed_at": int(moment.timestamp())}
        payload = {"ref": f"refs/heads/{self.branch}", "created": True, "deleted": False, "after": "head-1"}
        return Delivery("github", "push", {**payload, "repository": repository}, moment)

    def dismissed(self, review: Delivery, moment: datetime) -> Delivery:
        """The delivery of a review's dismissal."""
        told = {**review.payload["review"], "state": "dismissed"}
        content = {**review.payload["pull_request"], "updated_at": stamp(moment)}
        return self._delivery("pull_request_review", "dismissed", moment, {"review": told, "pull_request": content})

    def reviewed(
        self,
        reviewer: str,
        state: str,
        moment: datetime,
        *,
        head: str = "head-1",
        draft: bool = False,
        kind: str = "User",
        merged: datetime | None = None,
        closed: datetime | None = None,
    ) -> Delivery:
        """A `pull_request_review` delivery; those carry no sizes."""
        review = {
            "id": int(moment.timestamp()),
            "user": person(reviewer, kind),
            "state": state,
            "submitted_at": stamp(moment),
            "commit_id": head,
        }
        content = self._object(moment, head, draft=draft, merged=merged, closed=closed)
        return self._delivery("pull_request_review", "submitted", moment, {"review": review, "pull_request": content})


def deployment(repo: str, commit: str | None, finished: datetime, **more: Any) -> Delivery:
    """A pushed deployment, a production success that took five minutes unless told otherwise."""
    payload = {
        "pipeline_id": "deploy",
        "environment": "production",
        "status": "success",
        "repo_full_name": repo,
        "commit_sha": commit,
        "started_at": stamp(finished - timedelta(minutes=5)),
        "completed_at": stamp(finished),
        "trigger_type": "merge",
        **more,
    }
    return Delivery("push", "deployment", payload, finished)


def github_deployment(
    repo: str, number: int, commit: str, created: datetime, state: str | None = None, moment: datetime | None = None
) -> Delivery:
    """GitHub's own deployment to production: its creation, or a later status of it."""
    content = {
        "id": number,
        "sha": commit,
        "ref": "main",
        "task": "deploy",
        "environment": "production",
        "created_at": stamp(created),
    }
    repository = {"full_name": repo, "default_branch": "main"}
    if state is None:
        return Delivery("github", "deployment", {"repository": repository, "deployment": content}, created)
    status = {"state": state, "environment": "production", "created_at": stamp(moment)}
    payload = {"repository": repository, "deployment": content, "deployment_status": status}
    return Delivery("github", "deployment_status", payload, moment or created)


def incident(incident_id: str, event_type: str, moment: datetime, service: str = "pay", **more: Any) -> Delivery:
    """A pushed incident event."""
    payload = {
        "incident_id": incident_id,
        "event_type": event_type,
        "service_name": service,
        "severity": "high",
        "occurred_at": stamp(moment),
        **more,
    }
    return Delivery("push", "incident", payload, moment)


def ticket(key: str, moment: datetime, stream: str | None, kind: str = "Story") -> Delivery:
    """A Jira issue as it is created, with its delivery stream in customfield_10101."""
    fields = {
        "project": {"key": key.partition("-")[0]},
        "created": stamp(moment),
        "updated": stamp(moment),
        "issuetype": {"name": kind},
        "status": {"name": "To Do"},
        "customfield_10101": {"value": stream} if stream else None,
    }
    payload = {
        "timestamp": int(moment.timestamp() * 1000),
        "webhookEvent": "jira:issue_created",
        "issue": {"id": key, "key": key, "fields": fields},
    }
    return Delivery("jira", "jira:issue_created", payload, moment)
