"""Will a model be able to read this delivery? If not: the reason, for the dead-letter list.

In: vendor, event name, decoded payload. Out: None, or one sentence. Nothing is refused for it; the
delivery is stored, and a person sees in the list what was sent and why nothing came of it.
"""

from __future__ import annotations

from typing import Any

# What the staging models read: event name -> the paths without which no row can be made.
GITHUB_EVENTS: dict[str, tuple[str, ...]] = {
    "pull_request": ("repository.full_name", "pull_request.number", "pull_request.created_at"),
    "pull_request_review": ("repository.full_name", "pull_request.number", "review.state"),
    "deployment_status": ("repository.full_name", "deployment.id", "deployment_status.state"),
    "workflow_run": ("repository.full_name", "workflow_run.id"),
}
# Said by GitHub about itself; expected, and nothing to mend.
GITHUB_SILENT_EVENTS = frozenset({"ping"})
JIRA_ISSUE_EVENTS = frozenset({"jira:issue_created", "jira:issue_updated", "jira:issue_deleted"})
JIRA_ISSUE_PATHS = ("issue.key", "issue.fields.project.key", "timestamp")


def github_problem(event_name: str, payload: dict[str, Any]) -> str | None:
    """Why no model will read this GitHub delivery, or None."""
    if event_name in GITHUB_SILENT_EVENTS:
        return None
    paths = GITHUB_EVENTS.get(event_name)
    if paths is None:
        return f"no model reads the GitHub event {event_name!r}"
    return _missing(payload, paths)


def jira_problem(event_name: str, payload: dict[str, Any]) -> str | None:
    """Why no model will read this Jira delivery, or None."""
    if event_name not in JIRA_ISSUE_EVENTS:
        return f"no model reads the Jira event {event_name!r}"
    return _missing(payload, JIRA_ISSUE_PATHS)


def _missing(payload: dict[str, Any], paths: tuple[str, ...]) -> str | None:
    absent = [path for path in paths if _at(payload, path) is None]
    return f"the payload has no {' and no '.join(absent)}" if absent else None


def _at(payload: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(payload, dict):
            return None
        payload = payload.get(name)
    return payload
