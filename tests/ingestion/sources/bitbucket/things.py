"""Bitbucket's objects for tests, in the shape of its REST API, with placeholder people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(minutes: float) -> str:
    """So many minutes after the start, as the API writes it."""
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000000+00:00")


def account(name: str, kind: str = "user") -> dict[str, Any]:
    """A person as the API names one."""
    return {
        "type": kind, "uuid": f"{{{name}-0000-uuid}}", "account_id": f"557058:{name}", "nickname": name,
        "display_name": f"{name.title()} Example",
        "links": {"html": {"href": f"https://bitbucket.example.org/{name}"}},
    }  # fmt: skip


def pull_request(number: int, updated: float | None = None, **more: Any) -> dict[str, Any]:
    """A pull request; number N was changed N minutes after the start unless told."""
    return {
        "type": "pullrequest", "id": number, "title": f"PAY-{number} change", "description": "What and why",
        "state": "OPEN", "draft": False, "author": account("author"), "comment_count": 0, "task_count": 0,
        "source": {
            "branch": {"name": f"feature/PAY-{number}"}, "commit": {"hash": f"{number:012x}", "type": "commit"},
            "repository": None,
        },
        "destination": {"branch": {"name": "main"}, "commit": {"hash": "0" * 12, "type": "commit"}},
        "merge_commit": None, "closed_by": None, "reason": "", "created_on": at(0),
        "updated_on": at(number if updated is None else updated), **more,
    }  # fmt: skip


def pipeline(number: int, started: float, result: str | None = "SUCCESSFUL", **more: Any) -> dict[str, Any]:
    """A pipeline that took a minute, or one that runs."""
    state: dict[str, Any] = {"name": "COMPLETED", "type": "pipeline_state_completed", "result": {"name": result}}
    return {
        "type": "pipeline", "uuid": f"{{pipeline-{number}}}", "build_number": number, "creator": account("author"),
        "state": state if result else {"name": "IN_PROGRESS", "type": "pipeline_state_in_progress"},
        "target": {
            "type": "pipeline_ref_target", "ref_type": "branch", "ref_name": "main",
            "commit": {"type": "commit", "hash": f"{number:040x}"},
        },
        "trigger": {"name": "PUSH", "type": "pipeline_trigger_push"}, "created_on": at(started),
        "completed_on": at(started + 1) if result else None, "duration_in_seconds": 60, **more,
    }  # fmt: skip


PRODUCTION = {
    "type": "deployment_environment", "uuid": "{environment-9}", "name": "Live", "slug": "live",
    "environment_type": {"type": "deployment_environment_type", "name": "Production", "rank": 2},
}  # fmt: skip


def deployment(number: int, of: dict[str, Any], started: float, status: str = "SUCCESSFUL") -> dict[str, Any]:
    """A deployment of a pipeline to production that took two minutes."""
    return {
        "type": "deployment", "uuid": f"{{deployment-{number}}}", "environment": {"uuid": PRODUCTION["uuid"]},
        "state": {
            "type": "deployment_state_completed", "name": "COMPLETED", "status": {"name": status},
            "started_on": at(started), "completed_on": at(started + 2), "deployer": account("author"),
        },
        "release": {
            "type": "deployment_release", "name": f"#{number}", "pipeline": {"uuid": of["uuid"]},
            "commit": of["target"]["commit"], "created_on": at(started),
        },
    }  # fmt: skip
