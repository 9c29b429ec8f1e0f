"""A GitHub on loopback: REST and GraphQL as the source uses them, with GitHub's own schema executed for real.

In: repositories (`model`). Out: an address. It checks the App's JWT and the tokens with their ends, shows each token
its own organisation alone, pages with `Link` headers and cursors, counts the rate limit down, and refuses unknown
parameters. `faults` are answered before anything else, one a request; None in their midst lets a request through.
`heaviest_page` makes GitHub give up (502) on pages with more things than that.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from graphql import ExecutionResult, GraphQLError, execute

from core import clock
from tests.http_server import LoopbackServer
from tests.ingestion.sources.github.model import Account, Deployment, Node, Pull, Repo
from tests.ingestion.sources.github.schema import checked, published_schema

APP_ID = "4711"
PERSONAL_TOKEN = "a-personal-token-of-the-tests"
LIFE_OF_A_TOKEN = timedelta(hours=1)
PARAMETERS = {
    "/app/installations": {"per_page", "page", "since", "outdated"},
    "/installation/repositories": {"per_page", "page"},
    "/user/repos": {"per_page", "page", "visibility", "affiliation", "type", "sort", "direction", "since", "before"},
    "orgs": {"per_page", "page", "type", "sort", "direction"},
}


@cache
def private_key() -> str:
    """The App's key, as its PEM file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


@cache
def _public_key() -> Any:
    return serialization.load_pem_private_key(private_key().encode(), None).public_key()


@dataclass(frozen=True)
class Fault:
    """One answer that is not what was asked for; `cut` ends the connection in the middle of a good one."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    cut: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked, for the tests to look at."""

    method: str
    path: str
    parameters: dict[str, Any]
    token: str


@dataclass
class Installation:
    """The App in one organisation."""

    number: int
    account: Account
    is_suspended: bool = False


class GithubServer:
    """The site; use it as a context. What stands in `repositories` and `installations` may change between requests."""

    def __init__(self, repositories: Iterable[Repo] = (), installations: Iterable[Installation] = ()) -> None:
        self.repositories = list(repositories)
        self.installations = list(installations)
        self.faults: deque[Fault | None] = deque()
        self.requests: list[Request] = []
        self.remaining = 5_000
        self.resets_in = timedelta(minutes=30)
        self.heaviest_page: int | None = None
        self.repositories_in_a_page = 100
        self.tokens: dict[str, tuple[int, Any]] = {}
        # Called before each answer, such as to end the one who asks.
        self.before_answer: Callable[[], None] = lambda: None
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = LoopbackServer(handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> GithubServer:
        published_schema()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def repository(self, full_name: str) -> Repo:
        """The repository of that name."""
        return next(one for one in self.repositories if one.full_name == full_name)

    def answer(self, request: Request) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body of the answer."""
        if request.path.startswith("/app/"):
            return self._app(request)
        visible = self._visible(request.token)
        if visible is None:
            return 401, {}, {"message": "Bad credentials"}
        if request.path == "/graphql":
            return self._graphql(request, visible)
        if request.path == "/installation/repositories":
            return self._list(request, visible, rows_in="repositories")
        if request.path == "/user/repos" and request.parameters.get("affiliation") == "owner":
            return self._list(request, [one for one in visible if one.owner.kind == "User"])
        if match := re.fullmatch(r"/orgs/([\w-]+)/repos", request.path):
            owned = [one for one in visible if one.owner.login == match[1]]
            return self._list(request, owned) if owned else (404, {}, {"message": "Not Found"})
        return 404, {}, {"message": "Not Found"}

    def _app(self, request: Request) -> tuple[int, dict[str, str], Any]:
        try:
            now = clock.now().timestamp()
            claims = jwt.decode(
                request.token,
                _public_key(),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_iss": False},
            )
            assert claims["iss"] == APP_ID
            assert claims["iat"] <= now < claims["exp"] <= now + 600
        except (jwt.PyJWTError, AssertionError, KeyError):
            return 401, {}, {"message": "A JSON web token could not be decoded"}
        if request.path == "/app/installations":
            return self._list(request, self.installations)
        match = re.fullmatch(r"/app/installations/(\d+)/access_tokens", request.path)
        if match is None or request.method != "POST":
            return 404, {}, {"message": "Not Found"}
        ends = clock.now() + LIFE_OF_A_TOKEN
        token = f"installation-token-{match[1]}-{len(self.tokens)}"
        self.tokens[token] = int(match[1]), ends
        return 201, {}, {"token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _visible(self, token: str) -> list[Repo] | None:
        """What a token may see; None where it is not good (any more)."""
        if token == PERSONAL_TOKEN:
            return self.repositories
        number, ends = self.tokens.get(token, (None, None))
        if number is None or ends <= clock.now():
            return None
        account = next(one.account for one in self.installations if one.number == number)
        return [one for one in self.repositories if one.owner.login == account.login]

    def _list(self, request: Request, things: list[Any], rows_in: str | None = None) -> tuple[int, dict[str, str], Any]:
        known = PARAMETERS.get(request.path, PARAMETERS["orgs"])
        if unknown := set(request.parameters) - known:
            return 422, {}, {"message": f"Unknown parameters {sorted(unknown)}"}
        size = min(int(request.parameters.get("per_page", 30)), self.repositories_in_a_page)
        number = int(request.parameters.get("page", 1))
        rows = [_rest(thing) for thing in things[(number - 1) * size : number * size]]
        headers = self._limit("core")
        if number * size < len(things):
            headers["Link"] = f'<{self.url}{request.path}?per_page={size}&page={number + 1}>; rel="next"'
        return 200, headers, {"total_count": len(things), rows_in: rows} if rows_in else rows

    def _graphql(self, request: Request, visible: list[Repo]) -> tuple[int, dict[str, str], Any]:
        query, variables = request.parameters["query"], request.parameters.get("variables", {})
        document, refused = checked(query)
        headers = self._limit("graphql")
        if refused:
            return 200, headers, {"errors": [{"message": message} for message in refused]}
        if self.heaviest_page is not None and variables.get("first", 0) > self.heaviest_page:
            message = "Something went wrong while executing your query. This may be the result of a timeout."
            return 502, headers, {"data": None, "errors": [{"message": message}]}
        nodes = _nodes_of(visible)
        root = {
            "rateLimit": {
                "cost": 1,
                "remaining": self.remaining,
                "resetAt": self._reset().strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "node": lambda _info, id: _found(nodes, id),
            "nodes": lambda _info, ids: [_found(nodes, one) for one in ids],
        }
        result = execute(published_schema(), document, root_value=root, variable_values=variables)
        assert isinstance(result, ExecutionResult)
        return 200, headers, _formatted(result)

    def _limit(self, resource: str) -> dict[str, str]:
        self.remaining -= 1
        return {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(max(0, self.remaining)),
            "X-RateLimit-Reset": str(int(self._reset().timestamp())),
            "X-RateLimit-Resource": resource,
        }

    def _reset(self) -> Any:
        return clock.now() + self.resets_in


def _nodes_of(repositories: list[Repo]) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    for repository in repositories:
        nodes[repository.node_id] = repository.node
        for thing in (*repository.pulls, *repository.deployments):
            nodes[_node_id(thing, repository)] = (thing, repository)
    return nodes


def _node_id(thing: Pull | Deployment, repository: Repo) -> str:
    return f"PR_{repository.number}_{thing.number}" if isinstance(thing, Pull) else f"DE_{thing.number}"


def _found(nodes: dict[str, Any], node_id: str) -> Node | Exception:
    found = nodes.get(node_id)
    if found is None:
        return GraphQLError(
            f"Could not resolve to a node with the global id of '{node_id}'.", extensions={"type": "NOT_FOUND"}
        )
    return found[0].node(found[1]) if isinstance(found, tuple) else found


def _formatted(result: ExecutionResult) -> dict[str, Any]:
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [
            {"type": (error.extensions or {}).get("type"), "path": error.path, "message": error.message}
            for error in result.errors
        ]
    return answer


def _rest(thing: Any) -> Node:
    if isinstance(thing, Installation):
        return {
            "id": thing.number,
            "account": thing.account.rest,
            "suspended_at": "2026-01-05T09:00:00Z" if thing.is_suspended else None,
        }
    rest: Node = thing.rest
    return rest


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: GithubServer

    def do_GET(self) -> None:
        self._respond({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._respond(json.loads(body) if body else {})

    def _respond(self, parameters: dict[str, Any]) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        # An Enterprise Server has both interfaces below /api.
        path = re.sub(r"^/api(/v3)?(?=/)", "", urlsplit(self.path).path)
        request = Request(self.command, path, parameters, token)
        self.site.requests.append(request)
        self.site.before_answer()
        fault = self.site.faults.popleft() if self.site.faults else None
        if fault is not None and not fault.cut:
            self._send(fault.status, fault.headers, fault.body or {"message": "try again later"})
            return
        status, headers, body = self.site.answer(request)
        self._send(status, headers, body, cut=fault is not None)

    def _send(self, status: int, headers: dict[str, str], body: Any, *, cut: bool = False) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(encoded)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded[: len(encoded) // 2] if cut else encoded)
        self.close_connection = self.close_connection or cut

    def log_message(self, *_: object) -> None:
        pass
