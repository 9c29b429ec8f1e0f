"""The loopback site answers as Atlassian's own document says Jira Cloud does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.ingestion.sources.jira_server import JiraServer, Request, cloud_shape
from tests.real_data import shared_data

PERSON = {"name": "zoltan", "key": "zoltan", "displayName": "Zoltan", "active": True, "timeZone": "Europe/Berlin"}
ISSUE = {
    "id": "10001",
    "key": "PAY-1",
    "fields": {"summary": "pay", "description": "text", "updated": "2026-01-05T09:00:00.000+0000", "assignee": PERSON},
}
HISTORY = {"id": "1", "author": PERSON, "created": "2026-01-05T09:00:00.000+0000", "items": []}
JQL = "project = PAY"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(shared_data("openapi/jira-cloud-v3.json").read_text())
    return loaded


@pytest.fixture
def site() -> Iterator[JiraServer]:
    with JiraServer([cloud_shape(ISSUE | {"changelog": {"histories": [HISTORY] * 4}})]) as server:
        yield server


def schema_of(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """The schema of a good answer, with everything that it refers to."""
    answer = document["paths"][path][method.lower()]["responses"]["200"]
    return {**answer["content"]["application/json"]["schema"], "components": document["components"]}


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("POST", "/rest/api/3/search/jql", {"jql": JQL, "fields": ["*all"]}),
        ("POST", "/rest/api/3/search/jql", {"jql": JQL, "fields": ["*all"], "expand": "changelog"}),
        ("GET", "/rest/api/3/search/jql", {"jql": JQL}),
        ("GET", "/rest/api/3/issue/{issueIdOrKey}/changelog", {"maxResults": 2}),
        ("GET", "/rest/api/3/myself", {}),
        ("GET", "/rest/api/3/field", {}),
        ("GET", "/rest/api/3/status", {}),
    ],
)
def test_an_answer_has_the_published_shape(
    site: JiraServer, document: dict[str, Any], method: str, path: str, parameters: dict[str, Any]
) -> None:
    status, body = site.answer(Request(method, path.replace("{issueIdOrKey}", "10001"), parameters))
    assert status == 200
    jsonschema.validate(json.loads(body), schema_of(document, method, path))


def test_ids_alone_come_where_no_fields_are_asked_for(site: JiraServer) -> None:
    status, body = site.answer(Request("GET", "/rest/api/3/search/jql", {"jql": JQL}))
    assert (status, json.loads(body)["issues"]) == (200, [{"id": "10001"}])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"jql": "ORDER BY key"}, "Unbounded"),
        ({"jql": JQL, "startAt": 0}, "Unrecognized parameters"),
        ({"jql": JQL, "nextPageToken": "made up"}, "nextPageToken"),
    ],
)
def test_what_jira_refuses_is_refused(site: JiraServer, parameters: dict[str, Any], message: str) -> None:
    status, body = site.answer(Request("POST", "/rest/api/3/search/jql", parameters))
    assert status == 400
    assert message in json.loads(body)["errorMessages"][0]
