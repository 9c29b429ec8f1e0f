"""GitLab's objects for tests, in the shape of its REST API, with placeholder people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(minutes: float) -> str:
    """So many minutes after the start, as the API writes it."""
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def account(username: str) -> dict[str, Any]:
    """A person as the API names one."""
    return {
        "id": sum(username.encode()), "username": username, "name": f"{username.title()} Example", "state": "active",
        "avatar_url": f"https://avatars.example.org/{username}", "web_url": f"https://gitlab.example.org/{username}",
    }  # fmt: skip


def merge_request(iid: int, updated: float | None = None, **more: Any) -> dict[str, Any]:
    """A merge request; number N was changed N minutes after the start unless told."""
    return {
        "id": 1_000 + iid, "iid": iid, "project_id": 1, "title": f"PAY-{iid} change", "description": "What and why",
        "state": "opened", "draft": False, "labels": [], "source_branch": f"feature/PAY-{iid}", "target_branch": "main",
        "sha": f"{iid:040x}", "merge_commit_sha": None, "squash_commit_sha": None, "user_notes_count": 0,
        "created_at": at(0), "updated_at": at(iid if updated is None else updated), "merged_at": None,
        "closed_at": None, "author": account("author"), "web_url": "https://gitlab.example.org/acme/pay/-/1", **more,
    }  # fmt: skip


def note(number: int, body: str, minutes: float, by: str = "reviewer", *, system: bool = True) -> dict[str, Any]:
    """A note on a merge request."""
    return {
        "id": number, "type": None, "body": body, "author": account(by), "created_at": at(minutes),
        "updated_at": at(minutes), "system": system, "noteable_type": "MergeRequest",
    }  # fmt: skip


def pipeline(number: int, updated: float, status: str = "success", **more: Any) -> dict[str, Any]:
    """A pipeline that took a minute."""
    return {
        "id": number, "iid": number, "project_id": 1, "name": None, "sha": f"{number:040x}", "ref": "main",
        "tag": False, "status": status, "source": "push", "created_at": at(updated - 1), "updated_at": at(updated),
        "started_at": at(updated - 1), "finished_at": at(updated), "duration": 60, "user": account("author"),
        "web_url": "https://gitlab.example.org/acme/pay/-/pipelines/1", **more,
    }  # fmt: skip


def deployment(number: int, updated: float, status: str = "success", **more: Any) -> dict[str, Any]:
    """A deployment that took two minutes."""
    return {
        "id": number, "iid": number, "ref": "main", "sha": f"{number:040x}", "status": status,
        "created_at": at(updated - 2), "updated_at": at(updated), "user": account("author"),
        "environment": {"id": 9, "name": "production", "external_url": "https://pay.example.org", "tier": "production"},
        "deployable": {
            "id": number * 10, "status": status, "stage": "deploy", "name": "deploy", "ref": "main", "tag": False,
            "started_at": at(updated - 2), "finished_at": at(updated), "duration": 120, "user": account("author"),
            "commit": {"id": f"{number:040x}", "author_name": "Author Example", "author_email": "author@example.org"},
        },
        **more,
    }  # fmt: skip
