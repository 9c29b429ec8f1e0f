"""A Jira site on loopback: what the source asks of Cloud (REST v3) or Data Center (v2), answered as the vendor does.

In: issues in the shape of the REST API, and a `JiraWorld` of boards, sprints and projects. Out: an address.
Cloud pages with opaque tokens, gives ids alone where no fields are asked for, refuses unbounded queries, cuts
changelogs short in searches, and answers 410 on the removed search. Data Center pages by position and gives whole
changelogs. Both read dates of a query in the account's time zone and to the minute, and refuse wrong tokens and unknown
parameters. `faults` are answered before anything else, one a request; None in their midst lets a request through.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from tests.http_server import LoopbackServer
from tests.ingestion.sources.jira_registry_server import Answer, JiraWorld, error, ok
from tests.ingestion.sources.jira_shapes import cloud_shape

__all__ = ["EMAIL", "TOKEN", "Fault", "JiraServer", "Request", "cloud_shape"]

EMAIL, TOKEN = "reader@example.org", "a-token-of-the-tests"
# Jira gives fewer than the 5,000 of its document where all fields are asked for.
MOST_ISSUES_IN_A_PAGE = 100
MOST_HISTORIES_IN_A_PAGE = 3
MOST_HISTORIES_IN_A_BULK_PAGE = 5
PARAMETERS: dict[tuple[str, str], set[str]] = {
    ("POST", "/rest/api/3/search/jql"): {
        "jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "failFast",
        "reconcileIssues",
    },
    ("GET", "/rest/api/3/search/jql"): {
        "jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "failFast",
        "reconcileIssues",
    },
    ("POST", "/rest/api/3/search/approximate-count"): {"jql"},
    ("POST", "/rest/api/3/changelog/bulkfetch"): {"issueIdsOrKeys", "fieldIds", "maxResults", "nextPageToken"},
    ("POST", "/rest/api/3/issue/bulkfetch"): {"issueIdsOrKeys", "fields", "expand", "fieldsByKeys", "properties"},
    ("GET", "/rest/api/2/search"): {"jql", "startAt", "maxResults", "fields", "expand", "validateQuery"},
}  # fmt: skip
_ISSUE = re.compile(r"/rest/api/[23]/issue/([\w-]+)(/changelog)?")
_UPDATED = re.compile(r'updated\s*>=\s*"(\d{4}-\d\d-\d\d \d\d:\d\d)"')
_PROJECT = re.compile(r"project\s*=\s*\"?([A-Z][A-Z0-9]*)\"?")
_LABEL = re.compile(r"labels\s*=\s*\"?(\w+)\"?")
_KEYS = re.compile(r"key in \(([^)]*)\)")
STRANGER = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}


@dataclass(frozen=True)
class Fault:
    """One answer that is not what was asked for; `cut` ends the connection in the middle of a good one."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    # Sent in place of Jira's own words.
    body: bytes | None = None


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
    changed: str
    number: int
    issue_id: str
    key: str
    labels: list[str]
    encoded: bytes  # without the closing brace
    histories: list[dict[str, Any]] | None

    @property
    def project(self) -> str:
        return self.key.rpartition("-")[0]


class JiraServer:
    """The site; use it as a context. `issues` may be changed between requests with `put` and `remove`."""

    def __init__(
        self,
        issues: Iterable[dict[str, Any]],
        *,
        time_zone: str | None = "Europe/Berlin",
        deployment: Literal["cloud", "data_center"] = "cloud",
    ) -> None:
        self.time_zone = time_zone
        # What the account is told its zone is called.
        self.named_zone = time_zone
        self.deployment = deployment
        self.world = JiraWorld()
        self.faults: deque[Fault | None] = deque()
        self.fault_every: tuple[int, Fault] | None = None
        self.requests: list[Request] = []
        # Called with every request before it is answered: what other people do to the site meanwhile.
        self.meanwhile: Callable[[Request], None] = lambda _request: None
        self.extra_pages_of_the_same_token = False
        # An expired token is refused, or its bearer is treated as a visitor who sees nothing.
        self.expired: Literal["", "refused", "stranger"] = ""
        self.histories_in_a_search = 2 if deployment == "cloud" else 1_000_000
        self.changelogs_in_searches = True
        self.tells_length_of_changelogs = True
        # The index that answers queries may be empty while the issues are there.
        self.index_is_empty = False
        self._issues: dict[str, _Issue] = {}
        self._found: dict[str, list[_Issue]] = {}
        for issue in issues:
            self.put(issue)
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = LoopbackServer(handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> JiraServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def put(self, issue: dict[str, Any]) -> None:
        """Add an issue, or replace the one with the same id."""
        key, changed = issue["key"], issue["fields"]["updated"]
        address = f"https://example.atlassian.net/rest/api/3/issue/{issue['id']}"
        body = {"expand": "operations,changelog", "id": issue["id"], "self": address, "key": key}
        self._found.clear()
        self._issues[issue["id"]] = _Issue(
            updated=datetime.fromisoformat(changed).astimezone(UTC),
            changed=changed,
            number=int(key.rpartition("-")[2]),
            issue_id=issue["id"],
            key=key,
            labels=list(issue["fields"].get("labels") or []),
            encoded=json.dumps({**body, "fields": issue["fields"]}).encode()[:-1],
            histories=issue["changelog"]["histories"] if "changelog" in issue else None,
        )

    def remove(self, issue_id: str) -> None:
        """Delete an issue."""
        self._found.clear()
        del self._issues[issue_id]

    def knows(self, authorization: str | None) -> bool:
        """Whether a request comes from the account that may read."""
        basic = "Basic " + base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
        known = {basic, f"Bearer {TOKEN}"} if self.deployment == "data_center" else {basic}
        return not self.expired and authorization in known

    def answer(self, request: Request) -> Answer:
        """Status and body of the answer to a request of a known account."""
        path, parameters = request.path, request.parameters
        if path.startswith(f"/rest/api/{2 if self.deployment == 'cloud' else 3}/"):
            return error(404, "Not Found")
        if path == "/rest/api/3/search":
            return error(410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql.")
        if unknown := set(parameters) - PARAMETERS.get((request.method, path), set(parameters)):
            return error(400, f"Unrecognized parameters {sorted(unknown)}")
        answers: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "/rest/api/3/search/jql": self._search,
            "/rest/api/3/search/approximate-count": self._count,
            "/rest/api/3/changelog/bulkfetch": self._changelogs,
            "/rest/api/3/issue/bulkfetch": self._bulk,
            "/rest/api/2/search": self._search_by_position,
            "/rest/api/2/myself": self._myself,
            "/rest/api/3/myself": self._myself,
        }
        if path in answers:
            return answers[path](parameters)
        if match := _ISSUE.fullmatch(path):
            return self._changelog(match[1], parameters) if match[2] else self._one(match[1], parameters)
        keys = {issue.issue_id: issue.key for issue in self._issues.values()}
        return self.world.answer(path, parameters, keys) or error(404, "Not Found")

    def _myself(self, _parameters: dict[str, Any]) -> Answer:
        zone = {} if self.named_zone is None else {"timeZone": self.named_zone}
        return ok({"accountId": "5b10ac8d82e05b22cc7d4ef5", "emailAddress": EMAIL, "active": True, **zone})

    def _search(self, parameters: dict[str, Any]) -> Answer:
        found = self._find(parameters.get("jql", ""))
        if isinstance(found, tuple):
            return found
        size = min(int(parameters.get("maxResults", 50)), MOST_ISSUES_IN_A_PAGE)
        start = 0
        if token := parameters.get("nextPageToken"):
            try:
                start = int(base64.b64decode(token, validate=True))
            except ValueError:
                return error(400, "The nextPageToken is invalid or has expired.")
        page = found[start : start + size]
        issues = b",".join(self._encoded(issue, parameters) for issue in page)
        is_last = start + size >= len(found) and not self.extra_pages_of_the_same_token
        end = b'"isLast":true' if is_last else b'"isLast":false,"nextPageToken":"%s"' % self._token(start + size)
        return 200, b'{"issues":[' + issues + b"]," + end + b"}"

    def _search_by_position(self, parameters: dict[str, Any]) -> Answer:
        found = self._find(parameters.get("jql", ""))
        if isinstance(found, tuple):
            return found
        start = int(parameters.get("startAt", 0))
        size = min(int(parameters.get("maxResults", 50)), MOST_ISSUES_IN_A_PAGE)
        asked = {"fields": ["*navigable"], **parameters}
        issues = b",".join(self._encoded(issue, asked) for issue in found[start : start + size])
        head = b'"expand":"names,schema","startAt":%d,"maxResults":%d,"total":%d' % (start, size, len(found))
        return 200, b"{" + head + b',"issues":[' + issues + b"]}"

    def _token(self, position: int) -> bytes:
        return base64.b64encode(str(0 if self.extra_pages_of_the_same_token else position).encode())

    def _count(self, parameters: dict[str, Any]) -> Answer:
        found = self._find(parameters.get("jql", ""))
        return found if isinstance(found, tuple) else ok({"count": len(found)})

    def _find(self, jql: str) -> list[_Issue] | Answer:
        """The issues of a query, oldest change first, or Jira's refusal of it."""
        restriction = jql.partition("ORDER BY")[0]
        if not restriction.strip() and self.deployment == "cloud":
            return error(400, "Unbounded JQL queries are not allowed here. Please add a search restriction.")
        if restriction in self._found and not self.index_is_empty:
            return self._found[restriction]
        issues = [] if self.index_is_empty else list(self._issues.values())
        if keys := _KEYS.search(restriction):
            wanted = {key.strip().strip('"') for key in keys[1].split(",")}
            if unknown := wanted - {issue.key for issue in self._issues.values()}:
                return error(400, f"An issue with key '{min(unknown)}' does not exist for field 'key'.")
            issues = [issue for issue in issues if issue.key in wanted]
        if project := _PROJECT.search(restriction):
            issues = [issue for issue in issues if issue.project == project[1]]
        if label := _LABEL.search(restriction):
            issues = [issue for issue in issues if label[1] in issue.labels]
        if updated := _UPDATED.search(restriction):
            zone = ZoneInfo(self.time_zone or "Pacific/Kiritimati")
            begin = datetime.strptime(updated[1], "%Y-%m-%d %H:%M").replace(tzinfo=zone)
            issues = [issue for issue in issues if issue.updated >= begin]
        found = sorted(issues, key=lambda issue: (issue.updated, issue.number))
        if not self.index_is_empty:
            self._found[restriction] = found
        return found

    def _one(self, id_or_key: str, parameters: dict[str, Any]) -> Answer:
        issue = self._issue(id_or_key)
        if issue is None:
            return error(404, "Issue does not exist or you do not have permission to see it.")
        return 200, self._encoded(issue, {"fields": ["*all"], **parameters}, whole=self.deployment == "data_center")

    def _bulk(self, parameters: dict[str, Any]) -> Answer:
        wanted = parameters["issueIdsOrKeys"]
        if len(wanted) > 100:
            return error(400, "The number of issues exceeds the limit of 100.")
        found = sorted({issue.issue_id: issue for issue in map(self._issue, wanted) if issue}.items())
        issues = b",".join(self._encoded(issue, {"fields": ["*navigable"], **parameters}) for _, issue in found)
        return 200, b'{"issueErrors":[],"issues":[' + issues + b"]}"

    def _issue(self, id_or_key: str) -> _Issue | None:
        return self._issues.get(id_or_key) or next(
            (issue for issue in self._issues.values() if issue.key == id_or_key), None
        )

    def _changelog(self, id_or_key: str, parameters: dict[str, Any]) -> Answer:
        issue = self._issue(id_or_key)
        if issue is None:
            return error(404, "Issue does not exist or you do not have permission to see it.")
        histories = issue.histories or []
        start, size = (
            int(parameters.get("startAt", 0)),
            min(int(parameters.get("maxResults", 100)), MOST_HISTORIES_IN_A_PAGE),
        )
        page = histories[start : start + size]
        is_last = start + size >= len(histories)
        return ok({"startAt": start, "maxResults": size, "total": len(histories), "isLast": is_last, "values": page})

    def _changelogs(self, parameters: dict[str, Any]) -> Answer:
        """Histories of many issues, oldest first whosever they are; their dates are numbers, as in no other answer."""
        wanted = parameters.get("issueIdsOrKeys", [])
        if not 1 <= len(wanted) <= 1_000:
            return error(400, "The number of issues must be between 1 and 1000.")
        issues = [issue for issue in map(self._issue, wanted) if issue]
        entries = sorted(
            (
                (_milliseconds(history), issue.issue_id, history)
                for issue in issues
                for history in issue.histories or []
            ),
            key=lambda entry: entry[:2],
        )
        start = int(parameters.get("nextPageToken") or 0)
        size = min(int(parameters.get("maxResults", 1_000)), MOST_HISTORIES_IN_A_BULK_PAGE)
        by_issue: dict[str, list[dict[str, Any]]] = {}
        for created, issue_id, history in entries[start : start + size]:
            by_issue.setdefault(issue_id, []).append(history | {"created": created})
        logs = [{"issueId": issue_id, "changeHistories": some} for issue_id, some in by_issue.items()]
        more = {"nextPageToken": str(start + size)} if start + size < len(entries) else {}
        return ok({"issueChangeLogs": logs, **more})

    def _encoded(self, issue: _Issue, parameters: dict[str, Any], *, whole: bool = False) -> bytes:
        fields = parameters.get("fields", ["id"])
        if fields == ["id"]:
            return json.dumps({"id": issue.issue_id}).encode()
        if "changelog" not in parameters.get("expand", "") or not (self.changelogs_in_searches or whole):
            changelog = b""
        else:
            histories = issue.histories or []
            shown = histories[::-1][: len(histories) if whole else self.histories_in_a_search]
            total = len(histories) if self.tells_length_of_changelogs else len(shown)
            page = {"startAt": 0, "maxResults": len(shown), "total": total, "histories": shown}
            changelog = b',"changelog":' + json.dumps(page).encode()
        if "*all" in fields or "*navigable" in fields:
            return issue.encoded + changelog + b"}"
        short = {"id": issue.issue_id, "key": issue.key, "fields": {"updated": issue.changed}}
        return json.dumps(short).encode()[:-1] + changelog + b"}"


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    site: JiraServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Parameters in the address."""
        address = urlsplit(self.path)
        given = parse_qs(address.query)
        parameters: dict[str, Any] = {name: values[-1] for name, values in given.items()}
        for name in {"fields", "status"} & set(given):
            parameters[name] = [part for value in given[name] for part in value.split(",")]
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
            body = error(fault.status, "try again later")[1] if fault.body is None else fault.body
            self._send(fault.status, body, fault.headers)
            return
        if not site.knows(self.headers.get("Authorization")):
            self._turn_away(request)
            return
        site.meanwhile(request)
        status, body = site.answer(request)
        self._send(status, body, {}, cut=fault is not None)

    def _turn_away(self, request: Request) -> None:
        if self.site.expired != "stranger" or request.path.endswith("/myself"):
            self._send(401, error(401, "")[1], STRANGER)
        elif "search" in request.path:
            self._send(*ok({"issues": [], "isLast": True, "total": 0, "startAt": 0}), STRANGER)
        else:
            self._send(*error(404, "Issue does not exist or you do not have permission to see it."), STRANGER)

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json;charset=UTF-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True


def _milliseconds(history: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(history["created"]).timestamp() * 1_000)
