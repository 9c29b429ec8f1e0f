"""Many small requests to the front door, quickly: a few connections that stay open, one thread each.

In: `Message`s (path, headers, body). Out: for each one an `Answer`, in the order of the messages.
A server that is busy (429, 503) or gone for a moment is tried again; `Unreachable` ends everything.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 8
# So many messages are on their way or done ahead of the one that is waited for; it bounds the memory.
AHEAD = 256
TIMEOUT_SECONDS = 60
MOST_ATTEMPTS = 5
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 30.0
_BUSY = (429, 503)


class Unreachable(Exception):
    """Nobody listens at the address, or the connection breaks again and again; the message names the address."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request. `reference` says where it came from (a line, a file), for the report."""

    reference: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to one message."""

    reference: str
    status: int
    data: dict[str, Any]
    message: str

    @property
    def is_accepted(self) -> bool:
        """Whether the message was taken."""
        return self.status == 202


class Sender:
    """Sends messages to one address; use it as a context."""

    def __init__(self, base_url: str, connections: int = CONNECTIONS) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"{base_url} is not an address such as http://localhost:8000")
        self._base_url = base_url
        self._address = address
        self._threads = ThreadPoolExecutor(max_workers=connections, thread_name_prefix="sender")
        self._local = threading.local()
        self._open: list[http.client.HTTPConnection] = []

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        for connection in self._open:
            connection.close()

    def send(self, messages: Iterable[Message]) -> Iterator[Answer]:
        """Send everything; gives the answers in order. Raises `Unreachable`."""
        waiting: deque[Future[Answer]] = deque()
        for message in messages:
            waiting.append(self._threads.submit(self._send_one, message))
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _send_one(self, message: Message) -> Answer:
        failure: Exception | None = None
        delay = FIRST_DELAY_SECONDS
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                answer, wait = self._attempt(message)
            except (OSError, http.client.HTTPException) as error:
                self._connection().close()
                failure, wait = error, None
            else:
                if answer.status not in _BUSY or attempt == MOST_ATTEMPTS:
                    return answer
            if attempt < MOST_ATTEMPTS:
                time.sleep(min(delay if wait is None else wait, LONGEST_DELAY_SECONDS))
                delay *= 2
        raise Unreachable(f"{self._base_url} does not answer: {failure}")

    def _attempt(self, message: Message) -> tuple[Answer, float | None]:
        connection = self._connection()
        headers = {"Content-Type": "application/json", **message.headers}
        connection.request("POST", self._address.path.rstrip("/") + message.path, message.body, headers)
        response = connection.getresponse()
        content = response.read()
        retry_after = response.getheader("Retry-After", "")
        wait = float(retry_after) if retry_after.isdigit() else None
        return _answer(message.reference, response.status, content), wait

    def _connection(self) -> http.client.HTTPConnection:
        """This thread's connection; it opens with the first request and opens again after a close."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
            connection = kind(self._address.hostname or "", self._address.port, timeout=TIMEOUT_SECONDS)
            self._local.connection = connection
            self._open.append(connection)
        return connection


def _answer(reference: str, status: int, content: bytes) -> Answer:
    """The envelope of 004 §7.3.3, opened; a proxy's page in its place is shortened to its first words."""
    try:
        envelope = json.loads(content)
        data = envelope.get("data") or {}
        message = str((envelope.get("error") or {}).get("message", ""))
    except (ValueError, AttributeError):
        data, message = {}, content[:200].decode("utf-8", "replace")
    return Answer(reference, status, data, message)
