"""A vendor on loopback: what GitLab's and Bitbucket's servers have in common in the tests.

In: a subclass that answers requests. Out: an address. `faults` are answered before anything else, one a request; None
in their midst lets a request through. Unknown parameters and wrong tokens are refused by the subclasses.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.http_server import LoopbackServer

TOKEN = "a-token-of-the-tests"


@dataclass(frozen=True)
class Fault:
    """One answer that is not what was asked for; `cut` ends the connection in the middle of a good one."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked, for the tests to look at."""

    path: str
    parameters: dict[str, list[str]]
    headers: dict[str, str]

    def one(self, name: str, default: str = "") -> str:
        """The last value of a parameter."""
        return self.parameters.get(name, [default])[-1]


@dataclass(frozen=True)
class Reply:
    """Status, content as JSON, headers."""

    status: int
    content: Any
    headers: dict[str, str] = field(default_factory=dict)


class VendorServer:
    """The vendor; use it as a context."""

    def __init__(self) -> None:
        self.faults: deque[Fault | None] = deque()
        self.fault_every: tuple[int, Fault] | None = None
        # Requests whose path contains this text always fail.
        self.broken: dict[str, int] = {}
        self.requests: list[Request] = []
        handler = type("Handler", (_Handler,), {"vendor": self})
        self._server = LoopbackServer(handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: Request) -> Reply:
        """The vendor's answer to a request."""
        raise NotImplementedError

    def refusal(self, status: int) -> Any:
        """The vendor's body of a refusal."""
        raise NotImplementedError

    def paths(self) -> list[str]:
        """Every path that was asked for, in order."""
        return [request.path for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    vendor: VendorServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Parameters in the address."""
        address = urlsplit(self.path)
        request = Request(unquote(address.path), parse_qs(address.query), dict(self.headers.items()))
        vendor = self.vendor
        vendor.requests.append(request)
        fault = None
        if vendor.faults:
            fault = vendor.faults.popleft()
        elif vendor.fault_every and len(vendor.requests) % vendor.fault_every[0] == 0:
            fault = vendor.fault_every[1]
        if fault and not fault.cut:
            self._send(Reply(fault.status, vendor.refusal(fault.status), fault.headers))
            return
        broken = next((status for part, status in vendor.broken.items() if part in request.path), None)
        reply = vendor.answer(request) if broken is None else Reply(broken, vendor.refusal(broken))
        self._send(reply, cut=fault is not None)

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def _send(self, reply: Reply, *, cut: bool = False) -> None:
        body = json.dumps(reply.content).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True
