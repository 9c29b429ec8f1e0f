"""Many senders, one writer: deliveries that arrive together are committed together.

In: deliveries from request handlers of one event loop. Out: a receipt for each, after its transaction
has committed. One thread writes; while it waits for the disk the next batch gathers, so a commit's
cost is shared by all who wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError

from core import clock
from core.logging import get_logger
from ingestion.landing.archive import Archive
from ingestion.landing.delivery import Delivery, Receipt
from ingestion.landing.store import store_batch

LARGEST_BATCH = 200
MONTHS_AHEAD = 2
log = get_logger(__name__)
# What one sender wants stored together, and who waits for it.
_Group = tuple[Sequence[Delivery], "asyncio.Future[list[Receipt]]"]


class InboxClosed(Exception):
    """The delivery was not stored: the database or the archive did not take it. The sender may try again."""


class Inbox:
    """Stores deliveries in batches. Open it inside the event loop that uses it; close it when that ends."""

    def __init__(self, engine: Engine, archive: Archive) -> None:
        self._engine = engine
        self._archive = archive
        self._waiting: list[_Group] = []
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inbox")
        self._task: asyncio.Task[None] | None = None
        self._month: tuple[int, int] | None = None

    def open(self) -> None:
        """Begin to write what is stored."""
        self._task = asyncio.get_running_loop().create_task(self._write_forever())

    async def close(self) -> None:
        """Write what is waiting, then stop."""
        if self._task is not None:
            while self._waiting:
                await asyncio.sleep(0.01)
            self._task.cancel()
        self._thread.shutdown(wait=True)

    async def store(self, delivery: Delivery) -> Receipt:
        """Wait until the delivery is safe. Raises `InboxClosed` when it could not be stored."""
        (receipt,) = await self.store_together((delivery,))
        return receipt

    async def store_together(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        """Wait until the deliveries are safe: all of them, in one transaction, or none (then `InboxClosed`)."""
        if not deliveries:
            return []
        future: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()
        self._waiting.append((deliveries, future))
        self._arrived.set()
        return await future

    async def _write_forever(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                size = self._next_batch()
                groups, self._waiting = self._waiting[:size], self._waiting[size:]
                await self._settle(groups)

    def _next_batch(self) -> int:
        """How many groups are written next: as many as fit, and at least one."""
        deliveries = 0
        for count, (group, _) in enumerate(self._waiting):
            deliveries += len(group)
            if count and deliveries > LARGEST_BATCH:
                return count
        return len(self._waiting)

    async def _settle(self, groups: list[_Group]) -> None:
        """Write groups in one transaction and tell those who wait."""
        deliveries = [delivery for group, _ in groups for delivery in group]
        try:
            receipts = iter(await asyncio.get_running_loop().run_in_executor(self._thread, self._write, deliveries))
        except Exception as error:
            # Whatever went wrong, the senders hear of it and the next batch gets its chance.
            log.error(
                "batch_not_stored", deliveries=len(deliveries), error=type(error).__name__, reason=_said_by(error)
            )
            if isinstance(error, DataError) and len(groups) > 1:
                # One delivery that the database cannot hold must not take its neighbours along.
                for alone in groups:
                    await self._settle([alone])
                return
            for _, future in groups:
                if not future.done():
                    future.set_exception(InboxClosed("the event could not be stored"))
            return
        for group, future in groups:
            own = list(islice(receipts, len(group)))
            if not future.done():
                future.set_result(own)

    def _write(self, deliveries: list[Delivery]) -> list[Receipt]:
        self._ensure_partitions()
        with self._engine.connect() as connection:
            return store_batch(connection, self._archive, deliveries)

    def _ensure_partitions(self) -> None:
        """Once a month, before the first row of that month; the default partition catches what still slips by."""
        today = clock.now()
        if self._month == (today.year, today.month):
            return
        with self._engine.begin() as connection:
            connection.execute(
                text("select landing.ensure_partitions(cast(:today as date), :months)"),
                {"today": today.date(), "months": MONTHS_AHEAD},
            )
        self._month = (today.year, today.month)


def _said_by(error: Exception) -> str:
    """The error without the statement's parameters, which hold payloads."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
