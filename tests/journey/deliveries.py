"""What Jira, GitHub, a pipeline and monitoring send in the journey: their shapes, reduced to what is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

ORGANISATION, REPOSITORY = "acme-core-api", "acme-core-api/payments-service"
SHA = "c0ffee" + "0" * 34


def issue_created(key: str, created: datetime) -> dict[str, Any]:
    return {
        "timestamp": milliseconds(created),
        "webhookEvent": "jira:issue_created",
        "issue_event_type_name": "issue_created",
        "user": {"accountId": "5c5f88", "displayName": "Nobody in particular"},
        "issue": issue(key, created, "To Do"),
    }


def status_changed(key: str, created: datetime, when: datetime, before: str, after: str) -> dict[str, Any]:
    item = {"field": "status", "fieldtype": "jira", "fieldId": "status", "fromString": before, "toString": after}
    return {
        "timestamp": milliseconds(when),
        "webhookEvent": "jira:issue_updated",
        "issue_event_type_name": "issue_generic",
        "user": {"accountId": "5c5f88", "displayName": "Nobody in particular"},
        "issue": issue(key, created, after),
        "changelog": {"id": str(milliseconds(when)), "items": [item]},
    }


def issue(key: str, created: datetime, status: str) -> dict[str, Any]:
    return {
        "id": key.replace("PAY-", "100"),
        "key": key,
        "fields": {
            "summary": "Add retries",
            "issuetype": {"name": "Story", "subtask": False},
            "project": {"key": "PAY", "name": "Payments"},
            "status": {"name": status},
            "created": created.isoformat(),
            "labels": [],
            "resolution": None,
        },
    }


def pull_request(action: str, opened_at: datetime, merged_at: datetime | None = None) -> dict[str, Any]:
    return {
        "action": action,
        "number": 7,
        "pull_request": {
            "number": 7,
            "title": "Add retries",
            "body": None,
            "state": "closed" if merged_at else "open",
            "draft": False,
            "merged": merged_at is not None,
            "created_at": stamp(opened_at),
            "updated_at": stamp(merged_at or opened_at),
            "closed_at": stamp(merged_at) if merged_at else None,
            "merged_at": stamp(merged_at) if merged_at else None,
            "merge_commit_sha": SHA if merged_at else None,
            "user": {"login": "dev-one", "type": "User"},
            "head": {"ref": "feature/PAY-1-add-retries", "sha": "a" * 40},
            "base": {"ref": "main", "sha": "b" * 40},
            "additions": 40,
            "deletions": 2,
            "changed_files": 3,
            "labels": [],
        },
        **sender("dev-one"),
    }


def review(submitted_at: datetime, opened_at: datetime) -> dict[str, Any]:
    return {
        "action": "submitted",
        "review": {
            "id": 1,
            "state": "approved",
            "submitted_at": stamp(submitted_at),
            "user": {"login": "dev-two", "type": "User"},
            "body": None,
        },
        "pull_request": pull_request("opened", opened_at)["pull_request"],
        **sender("dev-two"),
    }


def sender(login: str) -> dict[str, Any]:
    return {
        "repository": {
            "name": "payments-service",
            "full_name": REPOSITORY,
            "owner": {"login": ORGANISATION, "type": "Organization"},
            "default_branch": "main",
        },
        "organization": {"login": ORGANISATION},
        "sender": {"login": login, "type": "User"},
        "installation": {"id": 1},
    }


def deployment(completed_at: datetime) -> dict[str, Any]:
    return {
        "pipeline_id": "deploy-payments",
        "environment": "production",
        "status": "success",
        "repo_full_name": REPOSITORY,
        "commit_sha": SHA,
        "pr_number": 7,
        "started_at": stamp(completed_at - timedelta(minutes=4)),
        "completed_at": stamp(completed_at),
        "trigger_type": "merge",
    }


def incident(event_type: str, occurred_at: datetime) -> dict[str, Any]:
    return {
        "incident_id": "INC-1",
        "event_type": event_type,
        "service_name": "payments-service",
        "severity": "high",
        "description": "Payments fail",
        "occurred_at": stamp(occurred_at),
    }


def stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
