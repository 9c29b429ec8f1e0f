from __future__ import annotations

import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from ingestion.demo import sender
from ingestion.demo.payloads import DemoRequest
from ingestion.demo.sender import DeliveryRefused, FrontDoorUnreachable, send_all


class Door(socketserver.ThreadingTCPServer):
    """A server that answers as it is told, per delivery and attempt."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[int]] = {}
        self.asked: Counter[str] = Counter()
        self.taken: dict[str, bytes] = {}
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        delivery = self.headers["X-Delivery"]
        with self.server.lock:
            self.server.asked[delivery] += 1
            planned = self.server.answers.get(delivery, [])
            status = planned.pop(0) if planned else 202
            if status == 202:
                self.server.taken[delivery] = body
        if status == 0:
            self.close_connection = True
            return
        answer = b'{"status":"ok"}' if status == 202 else b'{"error":{"message":"the signature is wrong"}}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr(sender, "FIRST_PAUSE_SECONDS", 0.001)
    with Door() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _requests(count: int) -> list[DemoRequest]:
    return [
        DemoRequest("/webhooks/github", {"X-Delivery": str(number)}, f'{{"number":{number}}}'.encode(), str(number), 0)
        for number in range(count)
    ]


def test_everything_arrives_once_over_few_connections(door: Door) -> None:
    report = send_all(_requests(300), door.url, connections=4)
    assert report.by_status == {202: 300}
    assert (report.sent, report.retries) == (300, 0)
    assert door.taken == {str(number): f'{{"number":{number}}}'.encode() for number in range(300)}
    assert door.connections == 4


def test_progress_rises_to_the_total(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "PROGRESS_EVERY", 10)
    heard: list[int] = []
    send_all(_requests(95), door.url, connections=3, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 95
    assert len(heard) > 5


@pytest.mark.parametrize("trouble", [[503], [500, 502], [429], [0], [0, 503, 0]], ids=str)
def test_passing_trouble_is_tried_again(door: Door, trouble: list[int]) -> None:
    door.answers = {"7": list(trouble)}
    report = send_all(_requests(20), door.url, connections=2)
    assert report.by_status == {202: 20}
    assert report.retries == len(trouble)
    assert len(door.taken) == 20
    assert door.asked["7"] == len(trouble) + 1


def test_a_refusal_stops_the_sending_and_says_what_the_door_said(door: Door) -> None:
    door.answers = {"3": [401]}
    with pytest.raises(DeliveryRefused, match=r"refused delivery 3: status 401: .*the signature is wrong"):
        send_all(_requests(100_000), door.url, connections=2)
    assert door.asked["3"] == 1
    assert len(door.taken) < 1_000


def test_trouble_that_does_not_pass_is_an_error_after_a_bounded_number_of_attempts(door: Door) -> None:
    door.answers = {"3": [503] * 50}
    with pytest.raises(FrontDoorUnreachable, match="after 6 attempts: status 503"):
        send_all(_requests(10), door.url, connections=1)
    assert door.asked["3"] == sender.ATTEMPTS


def test_nobody_at_the_address_is_an_error_that_names_it(door: Door) -> None:
    url = door.url
    door.shutdown()
    door.server_close()
    with pytest.raises(FrontDoorUnreachable, match=url.removeprefix("http://")):
        send_all(_requests(1), url, connections=1)


@pytest.mark.parametrize("address", ["https://127.0.0.1:8000", "127.0.0.1:8000", "http://"])
def test_an_address_that_is_not_plain_http_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="plain HTTP"):
        send_all([], address)
