"""Jira Cloud's webhooks for the history: issues with their changelog, and sprints.

In: tickets of the history, edit by edit in time order. Out: payloads in Jira's shape. An `IssueTeller`
remembers each issue's fields, since every webhook carries the whole issue as it was at that instant.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from ingestion.demo.company import FIELD_MAPPINGS, PROJECT_OF, PROJECTS, Project, Status
from ingestion.demo.history import Change, Ticket, TicketEvent, fingerprint
from ingestion.demo.period import Period, Sprint
from ingestion.demo.shapes import Payload, account_id, display_name, github_time, identifier, jira_time, jira_user
from ingestion.demo.worktime import HOUR, OPENS_AT, midnight

ADMINISTRATOR = "jira-admin"
_CATEGORIES = {"backlog": (2, "new", "To Do"), "done": (3, "done", "Done"), "cancelled": (3, "done", "Done")}
_IN_PROGRESS = (4, "indeterminate", "In Progress")
_PRIORITY_IDS = {"Highest": "1", "High": "2", "Medium": "3", "Low": "4"}
_TYPE_IDS = {"story": "10001", "task": "10002", "bug": "10004", "spike": "10007"}
# Fields of one option, as the changelog names them.
_FIELD_NAMES = {
    "blocking_tech_stream": "Blocking Technology",
    "delivery_stream": "Delivery Stream",
    "introduced_in_stage": "Introduced In Stage",
}


class IssueTeller:
    """Tells the life of the issues. Events must be told in time order, each once."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self._fields: dict[str, dict[str, Any]] = {}
        self._sprints = {sprint.jira_id: sprint for sprint in period.sprints}

    def created(self, ticket: Ticket) -> Payload:
        """`jira:issue_created`."""
        self._fields[ticket.key] = dict(ticket.fields)
        payload = {
            # Jira sends it a moment after the creation; the field `created` is exact.
            "timestamp": ticket.created_at * 1000 + 412,
            "webhookEvent": "jira:issue_created",
            "issue_event_type_name": "issue_created",
            "user": jira_user(ticket.reporter),
            "issue": self._issue(ticket, ticket.created_at),
        }
        if ticket.project == "ONB":
            # Some sites write the first status into a changelog, as if something had changed.
            first = PROJECT_OF[ticket.project].workflow["backlog"]
            payload["changelog"] = _changelog(ticket, ticket.created_at, [_status_item("Status", None, first)])
        return _payload(payload, ticket.key, ticket.created_at)

    def updated(self, ticket: Ticket, event: TicketEvent) -> Payload:
        """`jira:issue_updated`, with a changelog."""
        fields = self._fields[ticket.key]
        items = [self._item(ticket, change) for change in event.changes]
        for change in event.changes:
            fields[change.field] = change.after
            if change.field == "resolution":
                fields["resolved_at"] = None if change.after is None else event.at
        changed = {change.field for change in event.changes}
        kind = "issue_generic" if "status" in changed else "issue_updated"
        actor = ADMINISTRATOR if changed & {"labels", "delivery_stream"} else fields["assignee"] or ticket.reporter
        payload = {
            "timestamp": event.at * 1000,
            "webhookEvent": "jira:issue_updated",
            "issue_event_type_name": kind,
            "user": jira_user(actor),
            "issue": self._issue(ticket, event.at),
            "changelog": _changelog(ticket, event.at, items),
        }
        return _payload(payload, ticket.key, event.at)

    def deleted(self, ticket: Ticket) -> Payload:
        """`jira:issue_deleted`."""
        assert ticket.deleted_at is not None
        payload = {
            "timestamp": ticket.deleted_at * 1000,
            "webhookEvent": "jira:issue_deleted",
            "user": jira_user(ticket.reporter),
            "issue": self._issue(ticket, ticket.deleted_at),
        }
        return _payload(payload, ticket.key, ticket.deleted_at)

    def _issue(self, ticket: Ticket, at: int) -> dict[str, Any]:
        values, project = self._fields[ticket.key], PROJECT_OF[ticket.project]
        resolved_at, resolution = values.get("resolved_at"), values["resolution"]
        assignee = values["assignee"]
        fields: dict[str, Any] = {
            "summary": ticket.summary[:1].upper() + ticket.summary[1:],
            "description": None,
            "issuetype": _issue_type(ticket.ticket_type),
            "project": _project(project),
            "priority": {"name": values["priority"], "id": _PRIORITY_IDS[values["priority"]]},
            "labels": values["labels"],
            "components": [{"id": str(_number("component", each)), "name": each} for each in values["components"]],
            "status": _status(project.workflow[values["status"]]),
            "resolution": None if resolution is None else {"id": str(_number(resolution)), "name": resolution},
            "resolutiondate": None if resolved_at is None else jira_time(resolved_at),
            "created": jira_time(ticket.created_at),
            "updated": jira_time(at),
            "assignee": None if assignee is None else jira_user(assignee),
            "reporter": jira_user(ticket.reporter),
            "creator": jira_user(ticket.reporter),
            "issuelinks": _links(ticket),
            "fixVersions": [],
            "duedate": None,
            FIELD_MAPPINGS["story_points"]: values["story_points"],
            FIELD_MAPPINGS["sprint"]: [self._sprint(number, at) for number in values["sprint"]] or None,
            FIELD_MAPPINGS["flagged"]: [_option("Impediment")] if values["flagged"] else None,
            FIELD_MAPPINGS["tech_streams"]: [_option(each) for each in values["tech_streams"]] or None,
        }
        for name in ("delivery_stream", "found_in_stage", "introduced_in_stage", "blocking_tech_stream"):
            value = values[name]
            fields[FIELD_MAPPINGS[name]] = None if value is None else _option(value)
        return {"id": str(project.number * 10_000 + ticket.number), "key": ticket.key, "fields": fields}

    def _sprint(self, number: int, at: int) -> dict[str, Any]:
        sprint = self._sprints[number]
        return _sprint_fields(sprint, _state_at(sprint, at)) | {"boardId": sprint.board_id}

    def _item(self, ticket: Ticket, change: Change) -> dict[str, Any]:
        match change.field:
            case "status":
                workflow = PROJECT_OF[ticket.project].workflow
                return _status_item("status", workflow[change.before], workflow[change.after])
            case "sprint":
                return self._sprint_item(change)
            case "assignee":
                return _person_item(change)
            case "flagged":
                before, after = ("Impediment" if value else None for value in (change.before, change.after))
                return _changed("Flagged", FIELD_MAPPINGS["flagged"], before, after, before, after)
            case "labels":
                before, after = " ".join(change.before), " ".join(change.after)
                return _changed("labels", "labels", None, before, None, after)
            case "resolution":
                return _option_item("resolution", "resolution", change)
            case name:
                return _option_item(_FIELD_NAMES[name], FIELD_MAPPINGS[name], change)

    def _sprint_item(self, change: Change) -> dict[str, Any]:
        ids, names = [], []
        for value in (change.before, change.after):
            ids.append(", ".join(map(str, value)))
            names.append(", ".join(self._sprints[number].name for number in value))
        return _changed("Sprint", FIELD_MAPPINGS["sprint"], ids[0], names[0], ids[1], names[1])


def sprint_started(sprint: Sprint) -> Payload:
    """`sprint_started`, as Jira tells it when a sprint begins."""
    at = sprint_start(sprint)
    fields = _sprint_fields(sprint, "active") | {"originBoardId": sprint.board_id}
    return _payload({"timestamp": at * 1000, "webhookEvent": "sprint_started", "sprint": fields}, sprint.name, at)


def sprint_start(sprint: Sprint) -> int:
    """The instant at which a sprint is started on its first day."""
    return midnight(sprint.starts) + OPENS_AT + HOUR


def _payload(payload: dict[str, Any], subject: str, at: int) -> Payload:
    event = payload["webhookEvent"]
    return Payload("jira", event, orjson.dumps(payload), identifier(event, subject, at))


def _sprint_fields(sprint: Sprint, state: str) -> dict[str, Any]:
    return {
        "id": sprint.jira_id,
        "name": sprint.name,
        "state": state,
        "goal": sprint.goal,
        "startDate": github_time(sprint_start(sprint)),
        "endDate": github_time(midnight(sprint.ends) + 16 * HOUR),
    }


def _state_at(sprint: Sprint, at: int) -> str:
    if at < midnight(sprint.starts):
        return "future"
    return "active" if at <= midnight(sprint.ends) + 16 * HOUR else "closed"


def _changelog(ticket: Ticket, at: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": str(_number("changelog", ticket.key, at)), "items": items}


def _changed(
    field: str, field_id: str, before: str | None, before_name: str | None, after: str | None, after_name: str | None
) -> dict[str, Any]:
    return {
        "field": field,
        "fieldtype": "custom" if field_id.startswith("customfield") else "jira",
        "fieldId": field_id,
        "from": before,
        "fromString": before_name,
        "to": after,
        "toString": after_name,
    }


def _status_item(field: str, before: Status | None, after: Status) -> dict[str, Any]:
    old_id, old_name = (None, None) if before is None else (str(_number("status", before.name)), before.name)
    return _changed(field, "status", old_id, old_name, str(_number("status", after.name)), after.name)


def _option_item(field: str, field_id: str, change: Change) -> dict[str, Any]:
    ids = [None if value is None else str(_number(value)) for value in (change.before, change.after)]
    return _changed(field, field_id, ids[0], change.before, ids[1], change.after)


def _person_item(change: Change) -> dict[str, Any]:
    ids = [None if value is None else account_id(value) for value in (change.before, change.after)]
    names = [None if value is None else display_name(value) for value in (change.before, change.after)]
    item = _changed("assignee", "assignee", ids[0], names[0], ids[1], names[1])
    return item | {"tmpFromAccountId": ids[0], "tmpToAccountId": ids[1]}


def _option(value: str) -> dict[str, str]:
    return {"value": value, "id": str(_number(value))}


@lru_cache(maxsize=20_000)
def _number(*parts: object) -> int:
    return 10_000 + int(fingerprint(*parts)[:6], 16) % 89_999


@lru_cache(maxsize=100)
def _status(status: Status) -> orjson.Fragment:
    number, key, name = _CATEGORIES.get(status.stage or "", _IN_PROGRESS)
    category = {"id": number, "key": key, "name": name}
    body = {"name": status.name, "id": str(_number("status", status.name)), "statusCategory": category}
    return orjson.Fragment(orjson.dumps(body))


@lru_cache(maxsize=len(_TYPE_IDS))
def _issue_type(ticket_type: str) -> orjson.Fragment:
    body = {"id": _TYPE_IDS[ticket_type], "name": ticket_type.capitalize(), "subtask": False, "hierarchyLevel": 0}
    return orjson.Fragment(orjson.dumps(body))


@lru_cache(maxsize=len(PROJECTS))
def _project_fragment(key: str) -> orjson.Fragment:
    project = PROJECT_OF[key]
    body = {"id": str(project.number), "key": key, "name": project.name, "projectTypeKey": "software"}
    return orjson.Fragment(orjson.dumps(body))


def _project(project: Project) -> orjson.Fragment:
    return _project_fragment(project.key)


def _links(ticket: Ticket) -> list[dict[str, Any]]:
    if ticket.relates_to is None:
        return []
    kind = {"id": "10003", "name": "Relates", "inward": "relates to", "outward": "relates to"}
    return [{"id": str(_number("link", ticket.key)), "type": kind, "outwardIssue": {"key": ticket.relates_to.key}}]
