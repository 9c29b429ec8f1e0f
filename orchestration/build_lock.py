"""One writer of the marts at a time, whoever it is: Dagster's runs, `dpp build`, a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from core.database import BUILD_LOCK, WORKER_LOCK

# Dagster's pool for the same purpose: its queue then starts no run that would only wait for the lock.
POOL = "marts"


@contextmanager
def build_lock(engine: Engine, say: Callable[[str], object]) -> Iterator[None]:
    """Hold the build lock for the length of the block, waiting for whoever has it; `say` hears of the wait.

    The lock belongs to a database session: a process that dies loses it at once.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text("select pg_try_advisory_lock(:key)"), {"key": BUILD_LOCK}).scalar_one():
            say("Another build is writing the marts; waiting for it to end.")
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": BUILD_LOCK})
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": BUILD_LOCK})


def is_building(engine: Engine) -> bool:
    """Whether somebody holds the build lock now."""
    return _is_held(engine, BUILD_LOCK)


def worker_lives(engine: Engine) -> bool:
    """Whether a worker builds what arrives (see `orchestration.worker`)."""
    return _is_held(engine, WORKER_LOCK)


def _is_held(engine: Engine, key: int) -> bool:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Shared, so that two who ask at once do not take each other for the holder.
        free: bool = connection.execute(text("select pg_try_advisory_lock_shared(:key)"), {"key": key}).scalar_one()
        if free:
            connection.execute(text("select pg_advisory_unlock_shared(:key)"), {"key": key})
        return not free
