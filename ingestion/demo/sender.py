"""Sends many small requests quickly: a few persistent connections, each with one request under way.

In: requests, an address. Out: a report by status. The requests are written as bytes that are put together
here and the answers are read with the least that HTTP/1.1 asks for: a general client would cost
several times what the sink itself does, on the same machine. Plain HTTP only, for loopback and private networks.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ingestion.demo.payloads import DemoRequest

# The front door commits together what waits together: many small waits make few large commits.
CONNECTIONS = 64
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 60.0
PROGRESS_EVERY = 500
_END_OF_HEAD = b"\r\n\r\n"
_TOO_MANY_REQUESTS = 429
_FIRST_REFUSAL = 400
_FIRST_SERVER_ERROR = 500


class DeliveryRefused(Exception):
    """The front door refused a delivery for good: a wrong secret, a wrong key or a wrong payload."""


class FrontDoorUnreachable(Exception):
    """A delivery could not be made however often it was tried."""


@dataclass(slots=True)
class SendReport:
    """How a sending went."""

    by_status: Counter[int] = field(default_factory=Counter)
    retries: int = 0
    seconds: float = 0.0

    @property
    def sent(self) -> int:
        """Deliveries that were accepted."""
        return sum(self.by_status.values())

    @property
    def per_second(self) -> float:
        """Accepted deliveries a second."""
        return self.sent / self.seconds if self.seconds else 0.0


def send_all(
    requests: Iterable[DemoRequest],
    base_url: str,
    *,
    connections: int = CONNECTIONS,
    progress: Callable[[int], None] | None = None,
) -> SendReport:
    """Post all requests, nearly in order; `progress` hears the number that is done every now and then.

    A connection error, a 5xx and a 429 are tried again up to `ATTEMPTS` times with growing pauses, after
    which `FrontDoorUnreachable` is raised. Any other refusal raises `DeliveryRefused` at once, with what the
    door said. Raises `ValueError` for an address that is not plain HTTP. Not for use inside an event loop.
    """
    sending = _Sending(iter(requests), base_url, progress)
    started = time.perf_counter()
    asyncio.run(sending.run(connections))
    sending.report.seconds = time.perf_counter() - started
    return sending.report


class _Sending:
    def __init__(self, requests: Iterator[DemoRequest], base_url: str, progress: Callable[[int], None] | None) -> None:
        address = urlsplit(base_url)
        if address.scheme != "http" or address.hostname is None:
            raise ValueError(
                f"the demo is sent over plain HTTP, to an address such as http://localhost:8000: {base_url}"
            )
        self.report = SendReport()
        self._requests = requests
        self._host = address.hostname
        self._port = address.port or 80
        self._prefix = address.path.rstrip("/")
        self._progress = progress

    async def run(self, connections: int) -> None:
        """Work with so many connections until nothing is left; the first failure ends them all."""
        workers = [asyncio.create_task(self._work()) for _ in range(connections)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        if self._progress is not None:
            self._progress(self.report.sent)

    async def _work(self) -> None:
        line = _Line(self._host, self._port)
        try:
            for request in self._requests:
                await self._deliver(line, request)
                if self._progress is not None and self.report.sent % PROGRESS_EVERY == 0:
                    self._progress(self.report.sent)
        finally:
            line.close()

    async def _deliver(self, line: _Line, request: DemoRequest) -> None:
        message = self._message(request)
        problem = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self.report.retries += 1
                await asyncio.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                status, body = await asyncio.wait_for(line.ask(message), ANSWER_SECONDS)
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
                line.close()
                problem = f"{type(error).__name__}: {error}"
                continue
            if status < _FIRST_REFUSAL:
                self.report.by_status[status] += 1
                return
            problem = f"status {status}: {body[:300].decode('utf-8', 'replace')}"
            if status < _FIRST_SERVER_ERROR and status != _TOO_MANY_REQUESTS:
                raise DeliveryRefused(f"{request.path} refused delivery {request.delivery_id}: {problem}")
        raise FrontDoorUnreachable(
            f"no delivery to http://{self._host}:{self._port}{request.path} after {ATTEMPTS} attempts: {problem}"
        )

    def _message(self, request: DemoRequest) -> bytes:
        lines = [f"POST {self._prefix}{request.path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        lines += [f"Content-Length: {len(request.body)}", "", ""]
        return "\r\n".join(lines).encode("ascii") + request.body


class _Line:
    """One connection; it opens itself when it is needed."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        """Drop the connection; the next question opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def ask(self, message: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer. Raises `OSError` and `EOFError` where the connection breaks."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(message)
        head = (await reader.readuntil(_END_OF_HEAD)).lower()
        status = int(head[9:12])
        length = _header(head, b"content-length")
        if length is None:
            # Chunked or closed at the end: neither is what the front door answers, and both are not worth reading.
            self.close()
            return status, b""
        body = await reader.readexactly(int(length))
        if _header(head, b"connection") == b"close":
            self.close()
        return status, body


def _header(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    return head[start : head.index(b"\r\n", start)].strip()
