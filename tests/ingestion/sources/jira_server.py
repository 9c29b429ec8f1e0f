"""A Jira Cloud site on loopback: what the source asks of the REST API v3, answered as Atlassian's document says.

In: issues in the shape of the REST API. Out: an address. It pages with opaque tokens, reads dates of a query in the
account's time zone and to the minute, gives ids alone where no fields are asked for, refuses unbounded queries,
wrong tokens and unknown parameters, cuts changelogs short in searches, and answers 410 on the removed search.
`faults` are answered before anything else, one a request; None in their midst lets a request through.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

EMAIL, TOKEN = "reader@example.org", "a-token-of-the-tests"
# Jira gives fewer than the 5,000 of its document where all fields are asked for.
MOST_ISSUES_IN_A_PAGE = 100
MOST_HISTORIES_IN_A_SEARCH = 2
SEARCH_PARAMETERS = {
    "jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "failFast",
    "reconcileIssues",
}  # fmt: skip
_UPDATED = re.compile(r'updated\s*>=\s*"(\d{4}-\d\d-\d\d \d\d:\d\d)"')
_PROJECT = re.compile(r"project\s*=\s*\"?([A-Z][A-Z0-9]*)\"?")


@dataclass(frozen=True)
class Fault:
    """One answer that is not what was asked for; `cut` ends the connection in the middle of a good one."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked, for the tests to look at."""

    method: str
    path: str
    parameters: dict[str, Any]


@dataclass
class _Issue:
    """One issue, ready to be sent: 22,371 of them as Python objects would fill a gigabyte."""

    updated: datetime
    number: int
    issue_id: str
    project: str
    encoded: bytes  # without the closing brace
    histories: list[dict[str, Any]] | None


class JiraServer:
    """The site; use it as a context. `issues` may be changed between requests with `put` and `remove`."""

    def __init__(self, issues: Iterable[dict[str, Any]], *, time_zone: str | None = "Europe/Berlin") -> None:
        self.time_zone = time_zone
        self.faults: deque[Fault | None] = deque()
        self.fault_every: tuple[int, Fault] | None = None
        self.requests: list[Request] = []
        self.extra_pages_of_the_same_token = False
        self._issues: dict[str, _Issue] = {}
        self._found: dict[str, list[_Issue]] = {}
        for issue in issues:
            self.put(issue)
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> JiraServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def put(self, issue: dict[str, Any]) -> None:
        """Add an issue, or replace the one with the same id."""
        key = issue["key"]
        address = f"https://example.atlassian.net/rest/api/3/issue/{issue['id']}"
        body = {"expand": "operations,changelog", "id": issue["id"], "self": address, "key": key}
        histories = issue["changelog"]["histories"] if "changelog" in issue else None
        self._found.clear()
        self._issues[issue["id"]] = _Issue(
            updated=datetime.fromisoformat(issue["fields"]["updated"]).astimezone(UTC),
            number=int(key.rpartition("-")[2]),
            issue_id=issue["id"],
            project=key.rpartition("-")[0],
            encoded=json.dumps({**body, "fields": issue["fields"]}).encode()[:-1],
            histories=histories,
        )

    def remove(self, issue_id: str) -> None:
        """Delete an issue."""
        self._found.clear()
        del self._issues[issue_id]

    def answer(self, request: Request) -> tuple[int, bytes]:
        """Status and body of the answer to a request of a known account."""
        if request.path == "/rest/api/3/search/jql":
            return self._search(request.parameters)
        if request.path == "/rest/api/3/search":
            return _error(410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql.")
        if request.path == "/rest/api/3/myself":
            zone = {} if self.time_zone is None else {"timeZone": self.time_zone}
            return _ok({"accountId": "5b10ac8d82e05b22cc7d4ef5", "emailAddress": EMAIL, "active": True, **zone})
        if request.path == "/rest/api/3/field":
            return _ok([{"id": "customfield_10020", "key": "customfield_10020", "name": "Sprint", "custom": True}])
        if request.path == "/rest/api/3/status":
            return _ok([{"id": "1", "name": "Open", "statusCategory": {"id": 2, "key": "new", "name": "To Do"}}])
        if match := re.fullmatch(r"/rest/api/3/issue/(\w+)/changelog", request.path):
            return self._changelog(match[1], request.parameters)
        return _error(404, "Not Found")

    def _search(self, parameters: dict[str, Any]) -> tuple[int, bytes]:
        if unknown := set(parameters) - SEARCH_PARAMETERS:
            return _error(400, f"Unrecognized parameters {sorted(unknown)}")
        jql = parameters.get("jql", "")
        restriction = jql.partition("ORDER BY")[0]
        if not restriction.strip():
            return _error(400, "Unbounded JQL queries are not allowed here. Please add a search restriction.")
        found = self._found.get(restriction) or self._find(restriction)
        self._found[restriction] = found
        size = min(int(parameters.get("maxResults", 50)), MOST_ISSUES_IN_A_PAGE)
        start = 0
        if token := parameters.get("nextPageToken"):
            try:
                start = int(base64.b64decode(token, validate=True))
            except ValueError:
                return _error(400, "The nextPageToken is invalid or has expired.")
        page = found[start : start + size]
        with_all = "*all" in parameters.get("fields", ["id"])
        with_changelog = "changelog" in parameters.get("expand", "")
        issues = b",".join(_encoded(issue, with_all, with_changelog) for issue in page)
        is_last = start + size >= len(found) and not self.extra_pages_of_the_same_token
        end = b'"isLast":true' if is_last else b'"isLast":false,"nextPageToken":"%s"' % self._token(start + size)
        return 200, b'{"issues":[' + issues + b"]," + end + b"}"

    def _token(self, position: int) -> bytes:
        return base64.b64encode(str(0 if self.extra_pages_of_the_same_token else position).encode())

    def _find(self, restriction: str) -> list[_Issue]:
        issues = list(self._issues.values())
        if project := _PROJECT.search(restriction):
            issues = [issue for issue in issues if issue.project == project[1]]
        if updated := _UPDATED.search(restriction):
            zone = ZoneInfo(self.time_zone or "Pacific/Kiritimati")
            begin = datetime.strptime(updated[1], "%Y-%m-%d %H:%M").replace(tzinfo=zone)
            issues = [issue for issue in issues if issue.updated >= begin]
        return sorted(issues, key=lambda issue: (issue.updated, issue.number))

    def _changelog(self, issue_id: str, parameters: dict[str, Any]) -> tuple[int, bytes]:
        issue = self._issues.get(issue_id)
        if issue is None:
            return _error(404, "Issue does not exist or you do not have permission to see it.")
        histories = issue.histories or []
        start, size = int(parameters.get("startAt", 0)), min(int(parameters.get("maxResults", 100)), 3)
        page = histories[start : start + size]
        is_last = start + size >= len(histories)
        return _ok({"startAt": start, "maxResults": size, "total": len(histories), "isLast": is_last, "values": page})


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    site: JiraServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Parameters in the address."""
        address = urlsplit(self.path)
        given = parse_qs(address.query)
        parameters: dict[str, Any] = {name: values[-1] for name, values in given.items()}
        if "fields" in given:
            parameters["fields"] = [name for value in given["fields"] for name in value.split(",")]
        self._answer(Request("GET", address.path, parameters))

    def do_POST(self) -> None:
        """Parameters in a JSON body."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(Request("POST", urlsplit(self.path).path, json.loads(body or b"{}")))

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def _answer(self, request: Request) -> None:
        site = self.site
        site.requests.append(request)
        fault = None
        if site.faults:
            fault = site.faults.popleft()
        elif site.fault_every and len(site.requests) % site.fault_every[0] == 0:
            fault = site.fault_every[1]
        if fault and not fault.cut:
            self._send(fault.status, _error(fault.status, "try again later")[1], fault.headers)
            return
        expected = "Basic " + base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
        status, body = site.answer(request) if self.headers.get("Authorization") == expected else _error(401, "")
        self._send(status, body, {}, cut=fault is not None)

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True


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


def _encoded(issue: _Issue, with_all: bool, with_changelog: bool) -> bytes:
    if not with_all:
        return json.dumps({"id": issue.issue_id}).encode()
    if not with_changelog:
        return issue.encoded + b"}"
    histories = issue.histories or []
    newest_first = histories[::-1][:MOST_HISTORIES_IN_A_SEARCH]
    page = {"startAt": 0, "maxResults": len(newest_first), "total": len(histories), "histories": newest_first}
    return issue.encoded + b',"changelog":' + json.dumps(page).encode() + b"}"


def _ok(value: Any) -> tuple[int, bytes]:
    return 200, json.dumps(value).encode()


def _error(status: int, message: str) -> tuple[int, bytes]:
    return status, json.dumps({"errorMessages": [message] if message else [], "errors": {}}).encode()
