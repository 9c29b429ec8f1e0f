"""What a fetch is on record as: its row in `ops.fetch_operations`, its cost, its progress, its cursor.

In: an engine, the name of a source, what was asked for. Out: rows in `ops.fetch_operations` (001 §4) and
`ops.fetch_cursors`. Every fetch of every source goes through `on_record`; clients count into its `Meter`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core import clock
from core.logging import get_logger
from core.tables import fetch_cursors, fetch_operations

LONGEST_MESSAGE = 500
SECONDS_BETWEEN_LINES = 2
ENDED_WITHOUT_A_WORD = "the process of this fetch ended without a word"
END_THE_DEAD = text(
    """
    update ops.fetch_operations
    set status = 'failure', finished_at = :now, message = :message
    where
        source = :source
        and status = 'running'
        and pg_try_advisory_xact_lock(hashtextextended(operation_id::text, 0))
    """
)
log = get_logger(__name__)


class Deferred(Exception):
    """The fetch was put off: what is left of the vendor's rate limit is kept for what matters more."""


@dataclass
class Meter:
    """What one fetch costs; the clients of the vendors count into it while they work."""

    api_calls: int = 0
    rate_limit_delays: int = 0
    # What the vendor last said was left of its budget; None where it says nothing.
    rate_limit_remaining: int | None = None
    progress: str | None = None
    # Nothing had changed, so nothing was asked for.
    cache_hit: bool = False
    listener: Callable[[Meter], None] | None = field(default=None, repr=False)

    def say(self, progress: str) -> None:
        """One line of progress, such as "acme/payments: 1,200 of 3,400 pull requests"."""
        self.progress = progress
        if self.listener is not None:
            self.listener(self)


@dataclass
class Operation:
    """One fetch while it runs; `rows` is set by whoever counts them."""

    operation_id: UUID
    meter: Meter
    rows: int = 0


@contextmanager
def on_record(
    engine: Engine,
    source: str,
    configuration: str = "",
    *,
    operation: str = "pull",
    query: str | None = None,
    meter: Meter | None = None,
    reason: Callable[[BaseException], str] | None = None,
) -> Iterator[Operation]:
    """A row in `ops.fetch_operations` from start to end; the row of a killed fetch is ended by the next one.

    `configuration` names what was asked for (the site and the query, the repository) and is stored as its hash;
    `operation` is what kind of fetch it is: pull, reconcile, backfill, sync. An exception ends it as `failure`,
    `Deferred` as `deferred`; both are raised again.
    """
    running = Operation(uuid4(), meter or Meter())
    running.meter.listener = _Progress(engine, source, running.operation_id)
    with _sign_of_life(engine, running.operation_id):
        _begin(engine, running, source=source, operation=operation, query=query, configuration=configuration)
        status, message = "success", None
        try:
            yield running
        except Deferred as error:
            status, message = "deferred", str(error)[:LONGEST_MESSAGE]
            raise
        except BaseException as error:
            status, message = "failure", (reason or one_line)(error)[:LONGEST_MESSAGE]
            raise
        finally:
            _end(engine, running, status=status, message=message)
            log.info("fetched", source=source, operation=operation, status=status, rows=running.rows, message=message)


def _begin(
    engine: Engine, running: Operation, *, source: str, operation: str, query: str | None, configuration: str
) -> None:
    instant = clock.now()
    with engine.begin() as connection:
        connection.execute(END_THE_DEAD, {"source": source, "now": instant, "message": ENDED_WITHOUT_A_WORD})
        connection.execute(
            insert(fetch_operations).values(
                operation_id=running.operation_id,
                source=source,
                operation=operation,
                started_at=instant,
                status="running",
                query=query,
                configuration_hash=configuration_hash(configuration),
            )
        )


def _end(engine: Engine, running: Operation, *, status: str, message: str | None) -> None:
    with engine.begin() as connection:
        connection.execute(
            update(fetch_operations)
            .where(fetch_operations.c.operation_id == running.operation_id)
            .values(
                finished_at=clock.now(),
                status=status,
                rows_fetched=running.rows,
                message=message,
                **_counted(running.meter),
            )
        )


@contextmanager
def _sign_of_life(engine: Engine, operation_id: UUID) -> Iterator[None]:
    """A lock that the server takes away from a process that dies: whoever gets it knows that the fetch is dead."""
    key = {"key": str(operation_id)}
    with engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(hashtextextended(:key, 0))"), key)
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(hashtextextended(:key, 0))"), key)
            connection.commit()


def one_line(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def configuration_hash(configuration: str) -> str:
    """What stands in the record for what was asked for (001 §3)."""
    return hashlib.sha256(configuration.encode()).hexdigest()


def started_last(
    connection: Connection, source: str, configuration: str, *, operation: str = "pull"
) -> datetime | None:
    """When the last good fetch with this configuration began; None where there was none."""
    return connection.execute(
        select(func.max(fetch_operations.c.started_at)).where(
            fetch_operations.c.source == source,
            fetch_operations.c.operation == operation,
            fetch_operations.c.status == "success",
            fetch_operations.c.configuration_hash == configuration_hash(configuration),
        )
    ).scalar_one()


def read_cursor(connection: Connection, source: str, scope: str, configuration: str) -> dict[str, Any] | None:
    """How far this scope was read with this configuration; None where it never was, so that it begins anew."""
    return connection.execute(
        select(fetch_cursors.c.cursor).where(
            fetch_cursors.c.source == source,
            fetch_cursors.c.scope == scope,
            fetch_cursors.c.configuration_hash == configuration_hash(configuration),
        )
    ).scalar_one_or_none()


def write_cursor(connection: Connection, source: str, scope: str, configuration: str, cursor: dict[str, Any]) -> None:
    """Remember how far this scope was read; call it after the rows up to there are committed."""
    statement = upsert(fetch_cursors).values(
        source=source,
        scope=scope,
        configuration_hash=configuration_hash(configuration),
        cursor=cursor,
        updated_at=clock.now(),
    )
    changed = {name: statement.excluded[name] for name in ("configuration_hash", "cursor", "updated_at")}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "scope"], set_=changed))


class _Progress:
    """Writes a meter's lines to the log and into the row, not oftener than people read."""

    def __init__(self, engine: Engine, source: str, operation_id: UUID) -> None:
        self._engine = engine
        self._source = source
        self._operation_id = operation_id
        self._last: datetime | None = None

    def __call__(self, meter: Meter) -> None:
        now = clock.now()
        if self._last is not None and (now - self._last).total_seconds() < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        log.info("fetching", source=self._source, progress=meter.progress, api_calls=meter.api_calls)
        with self._engine.begin() as connection:
            connection.execute(
                update(fetch_operations)
                .where(fetch_operations.c.operation_id == self._operation_id)
                .values(**_counted(meter))
            )


def _counted(meter: Meter) -> dict[str, Any]:
    return {
        "api_calls": meter.api_calls,
        "rate_limit_delays": meter.rate_limit_delays,
        "rate_limit_remaining": meter.rate_limit_remaining,
        "progress": meter.progress,
        "cache_hit": meter.cache_hit and meter.api_calls == 0,
    }
