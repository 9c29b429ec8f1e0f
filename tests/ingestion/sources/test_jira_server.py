"""The loopback site answers as Atlassian's documents say Jira Cloud does, and the source asks for what they offer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core import clock
from ingestion.sources.jira.pull import pull_jira, pull_registry, pull_sprints, reconcile_jira
from tests.ingestion.sources.conftest import JiraSettings
from tests.ingestion.sources.jira_registry_server import status
from tests.ingestion.sources.jira_server import JiraServer, Request
from tests.ingestion.sources.jira_shapes import START, board, cloud_shape, history, issue, sprint, with_histories
from tests.ingestion.sources.published import assert_published, assert_published_answer

PERSON = {"name": "zoltan", "key": "zoltan", "displayName": "Zoltan", "active": True, "timeZone": "Europe/Berlin"}
ISSUE = {
    "id": "10001",
    "key": "PAY-1",
    "fields": {"summary": "pay", "description": "text", "updated": "2026-01-05T09:00:00.000+0000", "assignee": PERSON},
}
JQL = "project = PAY"


@pytest.fixture
def site() -> Iterator[JiraServer]:
    histories = [history(number) | {"author": PERSON} for number in range(4)]
    made = cloud_shape(ISSUE | {"changelog": {"histories": histories}})
    with JiraServer([made, with_histories(issue(2), *range(4)), with_histories(issue(3), 1, 2, 3, 4)]) as server:
        world = server.world
        world.fields = [{"id": "customfield_10020", "key": "customfield_10020", "name": "Sprint", "custom": True}]
        world.projects = [{"id": "1", "key": "PAY", "name": "Payments"}]
        world.statuses = {"PAY": [status("1", "Open", "new")]}
        world.boards, world.sprints_of = {1: board(1)}, {1: [5, 6]}
        world.sprints = {5: sprint(5, "active", goal="Pay"), 6: sprint(6, "closed")}
        world.members = {5: ["10001"], 6: ["10002"]}
        yield server


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("POST", "/rest/api/3/search/jql", {"jql": JQL, "fields": ["*all"]}),
        ("POST", "/rest/api/3/search/jql", {"jql": JQL, "fields": ["*all"], "expand": "changelog"}),
        ("POST", "/rest/api/3/search/jql", {"jql": JQL, "fields": ["updated"]}),
        ("GET", "/rest/api/3/search/jql", {"jql": JQL}),
        ("POST", "/rest/api/3/search/approximate-count", {"jql": JQL}),
        ("POST", "/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": ["10001", "PAY-2"], "maxResults": 3}),
        ("POST", "/rest/api/3/issue/bulkfetch", {"issueIdsOrKeys": ["10001", "1"], "fields": ["*all"]}),
        ("GET", "/rest/api/3/issue/10001", {}),
        ("GET", "/rest/api/3/issue/10001/changelog", {"maxResults": 2}),
        ("GET", "/rest/api/3/myself", {}),
        ("GET", "/rest/api/3/field", {}),
        ("GET", "/rest/api/3/status", {}),
        ("GET", "/rest/api/3/project/search", {"status": ["live"]}),
        ("GET", "/rest/api/3/project/PAY/statuses", {}),
        ("GET", "/rest/agile/1.0/board", {}),
        ("GET", "/rest/agile/1.0/board/1/sprint", {"state": "active,closed"}),
        ("GET", "/rest/agile/1.0/sprint/5", {}),
        ("GET", "/rest/agile/1.0/sprint/5/issue", {}),
    ],
)
def test_an_answer_has_the_published_shape(
    site: JiraServer, method: str, path: str, parameters: dict[str, Any]
) -> None:
    request = Request(method, path, parameters)
    status_, body = site.answer(request)
    assert status_ == 200
    if not path.endswith("/sprint/5/issue"):
        assert_published_answer(request, body)
        return
    # Published under this address is one issue, and that of the board's: they mean this.
    assert_published_answer(Request("POST", "/rest/api/3/issue/bulkfetch", {}), _issues(body))


def test_the_requests_are_those_of_the_published_interface(site: JiraServer, jira_settings: JiraSettings) -> None:
    settings = jira_settings(site, jira_jql=JQL)
    with clock.stopped_at(START.replace(day=6)):
        for fetch in (pull_registry, pull_jira, pull_sprints):
            fetch(settings)
    site.put(issue(4, START.replace(day=6)))
    site.remove("10003")
    with clock.stopped_at(START.replace(day=7)):
        for fetch in (pull_jira, pull_sprints, reconcile_jira):
            fetch(settings)
    for request in site.requests:
        assert_published(request)
    assert {request.path for request in site.requests} == {
        "/rest/agile/1.0/board",
        "/rest/agile/1.0/board/1/sprint",
        "/rest/agile/1.0/sprint/5/issue",
        "/rest/agile/1.0/sprint/6/issue",
        "/rest/api/3/changelog/bulkfetch",
        "/rest/api/3/field",
        "/rest/api/3/issue/bulkfetch",
        "/rest/api/3/myself",
        "/rest/api/3/project/PAY/statuses",
        "/rest/api/3/project/search",
        "/rest/api/3/search/approximate-count",
        "/rest/api/3/search/jql",
        "/rest/api/3/status",
    }


def _issues(body: bytes) -> bytes:
    return json.dumps({"issues": json.loads(body)["issues"]}).encode()


def test_ids_alone_come_where_no_fields_are_asked_for(site: JiraServer) -> None:
    status_, body = site.answer(Request("GET", "/rest/api/3/search/jql", {"jql": JQL}))
    assert (status_, json.loads(body)["issues"]) == (200, [{"id": "10001"}, {"id": "10002"}, {"id": "10003"}])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"jql": "ORDER BY key"}, "Unbounded"),
        ({"jql": JQL, "startAt": 0}, "Unrecognized parameters"),
        ({"jql": JQL, "nextPageToken": "made up"}, "nextPageToken"),
    ],
)
def test_what_jira_refuses_is_refused(site: JiraServer, parameters: dict[str, Any], message: str) -> None:
    status_, body = site.answer(Request("POST", "/rest/api/3/search/jql", parameters))
    assert status_ == 400
    assert message in json.loads(body)["errorMessages"][0]
