"""Issues, histories, boards and sprints as Jira gives them, for the tests to put into the loopback site."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
PERSON = {
    "self": "https://example.atlassian.net/rest/api/3/user?accountId=557058:zoltan-account",
    "accountId": "557058:zoltan-account",
    "emailAddress": "zoltan@example.org",
    "displayName": "Zoltan Example",
    "avatarUrls": {"48x48": "https://avatars.example.org/zoltan"},
    "active": True,
}


def issue(number: int, updated: datetime | None = None, *, project: str = "PAY", **fields: Any) -> dict[str, Any]:
    """An issue as the REST API gives it; issue N was changed N minutes after the start unless told."""
    changed = updated or START + timedelta(minutes=number)
    return {
        "id": str(10_000 + number),
        "key": f"{project}-{number}",
        "fields": {"summary": f"issue {number}", "updated": changed.strftime("%Y-%m-%dT%H:%M:%S.000%z"), **fields},
    }


def history(number: int) -> dict[str, Any]:
    """One entry of a changelog."""
    created = (START + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%S.000%z")
    item = {"field": "status", "fieldId": "status", "fromString": str(number), "toString": str(number + 1)}
    return {"id": str(number), "author": PERSON, "created": created, "items": [item]}


def with_histories(made: dict[str, Any], *numbers: int) -> dict[str, Any]:
    """The issue with these entries in its changelog."""
    return made | {"changelog": {"histories": [history(number) for number in numbers]}}


def board(board_id: int, kind: str = "scrum", project: str | None = "PAY") -> dict[str, Any]:
    """A board, in a project unless told."""
    location = {} if project is None else {"location": {"projectKey": project, "displayName": f"Payments ({project})"}}
    address = f"https://example.atlassian.net/rest/agile/1.0/board/{board_id}"
    return {"id": board_id, "self": address, "name": f"board {board_id}", "type": kind, **location}


def sprint(
    sprint_id: int, state: str, *, board_id: int = 1, starts_at: datetime | None = START, **more: Any
) -> dict[str, Any]:
    """A sprint of two weeks; with `starts_at` None it has no dates."""
    dates = {}
    if starts_at is not None:
        dates = {"startDate": _date(starts_at), "endDate": _date(starts_at + timedelta(days=14))}
        if state == "closed":
            dates["completeDate"] = _date(starts_at + timedelta(days=14, hours=3))
    address = f"https://example.atlassian.net/rest/agile/1.0/sprint/{sprint_id}"
    head = {"id": sprint_id, "self": address, "state": state, "name": f"Sprint {sprint_id}", "originBoardId": board_id}
    return head | dates | more


def _date(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def cloud_shape(issue: dict[str, Any]) -> dict[str, Any]:
    """A recorded issue of an older Jira as Jira Cloud sends it: people by account id, descriptions as documents."""
    shaped: dict[str, Any] = _people_of_the_cloud(issue)
    text = shaped["fields"].get("description")
    if isinstance(text, str):
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
        shaped["fields"]["description"] = {"type": "doc", "version": 1, "content": [paragraph]}
    return shaped


def _people_of_the_cloud(value: Any) -> Any:
    if isinstance(value, list):
        return [_people_of_the_cloud(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "displayName" not in value:
        return {name: _people_of_the_cloud(item) for name, item in value.items()}
    account = value.get("accountId") or value.get("key")
    return {
        "self": f"https://example.atlassian.net/rest/api/3/user?accountId={account}",
        "accountId": account,
        "accountType": "atlassian",
        "active": value.get("active", True),
        "displayName": value["displayName"],
        "timeZone": value.get("timeZone"),
    }
