"""What was answered with 202 is there, once, whenever the sink was killed; what was not may be sent again."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

from core.secrets import secrets_for
from core.settings import Settings
from ingestion.landing import replay
from ingestion.landing.archive import Archive
from ingestion.webhooks.signatures import sign
from tests.conftest import empty_input_tables
from tests.promises.killing import start
from tests.promises.workers import serve_the_door

SENDERS = 8
LIMIT_SECONDS = 120


class Company:
    """Sends deliveries one after the other, each again and again until it is taken, for as long as it is told to."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.secret = secret
        self.taken: set[str] = set()
        self.is_open = True
        self._next = 0

    async def work(self) -> None:
        """Eight senders at once, as a vendor has many."""
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            await asyncio.gather(*(self._send_all(client) for _ in range(SENDERS)))

    async def _send_all(self, client: httpx.AsyncClient) -> None:
        while self.is_open:
            self._next += 1
            number = self._next
            while not await self._is_taken(client, number):
                await asyncio.sleep(0.02)
            self.taken.add(f"delivery-{number}")

    async def _is_taken(self, client: httpx.AsyncClient, number: int) -> bool:
        body = json.dumps({"action": "opened", "number": number}).encode()
        headers = {
            "X-GitHub-Event": "ping",
            "X-GitHub-Delivery": f"delivery-{number}",
            "X-Hub-Signature-256": sign(self.secret, body),
        }
        try:
            return (await client.post(f"{self.url}/webhooks/github", content=body, headers=headers)).status_code == 202
        except httpx.HTTPError:
            return False


async def kill_the_sink_again_and_again(settings: Settings, port: int, company: Company, times: int) -> None:
    """Many lives of the sink, each killed while the company sends; the last one is left to take what is open."""
    dice = random.Random(3)
    deadline = time.monotonic() + LIMIT_SECONDS
    sending = asyncio.create_task(company.work())
    killed = 0
    while killed < times:
        assert time.monotonic() < deadline, f"only {killed} of {times} kills hit a sink at work"
        before = len(company.taken)
        child = start(serve_the_door, settings, port)
        while len(company.taken) == before and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        await asyncio.sleep(dice.uniform(0, 0.1))
        child.kill()
        await asyncio.to_thread(child.join)
        killed += 1
    company.is_open = False
    child = start(serve_the_door, settings, port)
    await asyncio.wait_for(sending, LIMIT_SECONDS)
    child.terminate()
    await asyncio.to_thread(child.join)


def stored(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.execute(text("select delivery_id from landing.raw_events")).scalars())


def test_every_delivery_that_was_taken_is_stored_once_and_archived(
    clean_database: Engine, database: Settings, tmp_path: Path, kills: int
) -> None:
    settings = database.model_copy(update={"archive_url": (tmp_path / "archive").as_uri()})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    company = Company(f"http://127.0.0.1:{port}", secrets_for(settings).get("github_webhook_secret"))

    asyncio.run(kill_the_sink_again_and_again(settings, port, company, kills))

    assert stored(clean_database) == sorted(company.taken)
    with clean_database.begin() as connection:
        empty_input_tables(connection)
    replay(clean_database, Archive(settings.archive_location))
    assert stored(clean_database) == sorted(company.taken)
