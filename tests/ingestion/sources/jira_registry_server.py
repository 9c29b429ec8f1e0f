"""The part of the loopback Jira that Cloud and Data Center answer alike: fields, projects, statuses, boards, sprints.

In: `JiraWorld`, which tests fill and change between requests. Out: answers as Atlassian's documents have them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, bytes]
PAGING = {"startAt", "maxResults"}
# Pages are short, so that a handful of rows is more than one page.
MOST_VALUES_IN_A_PAGE = 3
# What each address takes beside its path; anything else is refused.
PARAMETERS: dict[str, set[str]] = {
    r"/rest/api/[23]/myself": {"expand"},
    r"/rest/api/[23]/field": set(),
    r"/rest/api/[23]/status": set(),
    r"/rest/api/2/project": {"includeArchived", "expand", "recent"},
    r"/rest/api/3/project/search": PAGING | {"orderBy", "id", "keys", "query", "typeKey", "action", "expand", "status"},
    r"/rest/api/[23]/project/[^/]+/statuses": set(),
    r"/rest/agile/1.0/board": PAGING | {"type", "name", "projectKeyOrId", "orderBy", "expand", "filterId"},
    r"/rest/agile/1.0/board/\d+/sprint": PAGING | {"state"},
    r"/rest/agile/1.0/sprint/\d+": set(),
    r"/rest/agile/1.0/sprint/\d+/issue": PAGING | {"jql", "validateQuery", "fields", "expand"},
}


@dataclass
class JiraWorld:
    """What there is beside issues. Boards hold the ids of their sprints, sprints the ids of their issues."""

    fields: list[dict[str, Any]] = field(default_factory=list)
    projects: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    boards: dict[int, dict[str, Any]] = field(default_factory=dict)
    sprints_of: dict[int, list[int]] = field(default_factory=dict)
    broken_boards: set[int] = field(default_factory=set)
    sprints: dict[int, dict[str, Any]] = field(default_factory=dict)
    members: dict[int, list[str]] = field(default_factory=dict)

    def answer(self, path: str, parameters: dict[str, Any], keys: dict[str, str]) -> Answer | None:
        """The answer to a request for one of these things; None for other addresses. `keys` are those of the issues."""
        allowed = next((names for pattern, names in PARAMETERS.items() if re.fullmatch(pattern, path)), None)
        if allowed is None:
            return None
        if unknown := set(parameters) - allowed:
            return error(400, f"Unrecognized parameters {sorted(unknown)}")
        numbers = [int(number) for number in re.findall(r"/(\d+)(?=/|$)", path.partition("/rest/agile/1.0")[2])]
        if path.startswith("/rest/agile/1.0/board"):
            return self._of_board(numbers[0], parameters) if numbers else page(list(self.boards.values()), parameters)
        if path.startswith("/rest/agile/1.0/sprint"):
            return self._of_sprint(numbers[0], path, parameters, keys)
        return self._of_registry(path, parameters)

    def _of_board(self, board_id: int, parameters: dict[str, Any]) -> Answer:
        if board_id not in self.boards:
            return error(404, "The requested board cannot be viewed because it either does not exist or is hidden.")
        if board_id in self.broken_boards:
            return error(404, "The requested board cannot be viewed because it either does not exist or is hidden.")
        if board_id not in self.sprints_of:
            return error(400, "The board does not support sprints")
        wanted = {state for state in parameters.get("state", "").split(",") if state}
        found = [self.sprints[sprint_id] for sprint_id in self.sprints_of[board_id] if sprint_id in self.sprints]
        return page([sprint for sprint in found if not wanted or sprint["state"] in wanted], parameters)

    def _of_sprint(self, sprint_id: int, path: str, parameters: dict[str, Any], keys: dict[str, str]) -> Answer:
        if sprint_id not in self.sprints:
            return error(404, "Sprint does not exist")
        if not path.endswith("/issue"):
            return ok(self.sprints[sprint_id])
        members = [issue_id for issue_id in self.members.get(sprint_id, []) if issue_id in keys]
        start, size = _bounds(parameters)
        issues = [
            {"id": issue_id, "key": keys[issue_id], "fields": {"updated": "2026-01-05T09:00:00.000+0000"}}
            for issue_id in members[start : start + size]
        ]
        return ok({"startAt": start, "maxResults": size, "total": len(members), "issues": issues})

    def _of_registry(self, path: str, parameters: dict[str, Any]) -> Answer:
        if path.endswith("/field"):
            return ok(self.fields)
        if path.endswith("/status"):
            return ok(list({status["id"]: status for some in self.statuses.values() for status in some}.values()))
        if path.endswith("/project/search"):
            states = parameters.get("status") or ["live"]
            return page([project for project in self.projects if _state(project) in states], parameters)
        if path.endswith("/project"):
            archived = parameters.get("includeArchived") == "true"
            return ok([project for project in self.projects if archived or not project.get("archived")])
        key = path.split("/")[-2]
        if key not in self.statuses:
            return error(404, f"No project could be found with key '{key}'.")
        statuses = self.statuses[key]
        types = [("10001", "Story", statuses), ("10002", "Bug", statuses[:1])]
        return ok([_issue_type(type_id, name, some) for type_id, name, some in types])


def status(status_id: str, name: str, category: str | None) -> dict[str, Any]:
    """A status as Jira gives it; on some addresses without its category."""
    kind = {} if category is None else {"statusCategory": {"id": 2, "key": category, "name": category}}
    return {
        "self": f"https://example.atlassian.net/rest/api/3/status/{status_id}",
        "id": status_id,
        "name": name,
        **kind,
    }


def page(values: list[Any], parameters: dict[str, Any]) -> Answer:
    """One page of a list of `values`."""
    start, size = _bounds(parameters)
    is_last = start + size >= len(values)
    shown = values[start : start + size]
    return ok({"startAt": start, "maxResults": size, "total": len(values), "isLast": is_last, "values": shown})


def ok(value: Any) -> Answer:
    """A good answer."""
    return 200, json.dumps(value).encode()


def error(status: int, message: str) -> Answer:
    """An answer that says what is wrong, as Jira does."""
    return status, json.dumps({"errorMessages": [message] if message else [], "errors": {}}).encode()


def _issue_type(type_id: str, name: str, statuses: list[dict[str, Any]]) -> dict[str, Any]:
    address = f"https://example.atlassian.net/rest/api/3/issueType/{type_id}"
    return {"self": address, "id": type_id, "name": name, "subtask": False, "statuses": statuses}


def _state(project: dict[str, Any]) -> str:
    return "archived" if project.get("archived") else "deleted" if project.get("deleted") else "live"


def _bounds(parameters: dict[str, Any]) -> tuple[int, int]:
    return int(parameters.get("startAt", 0)), min(int(parameters.get("maxResults", 50)), MOST_VALUES_IN_A_PAGE)
