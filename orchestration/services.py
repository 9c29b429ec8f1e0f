"""What a command stands on: a database that answers and is migrated.

In: settings. Out: the embedded server started (and stopped again by whoever started it), or a checked
connection to the server that `DPP_DATABASE_URL` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from core.database import (
    DatabaseUnavailable,
    check_connection,
    database_url,
    embedded_server,
    get_engine,
    prepare_database,
)
from core.settings import Settings
from orchestration import dbt
from orchestration.errors import CommandError


class NotMigrated(CommandError):
    """The database has no tables of ours; the message says what to do."""


def migrate(settings: Settings) -> None:
    """Databases, tables, raw tables and the dbt manifest, all to the newest version; safe to call again.

    Raises `DatabaseUnavailable`, and `DbtProjectError` for a project that cannot be parsed.
    """
    # dlt takes seconds to import, and most commands need only a connection.
    from ingestion.pipelines import prepare_raw_tables

    prepare_database(settings)
    prepare_raw_tables(settings)
    dbt.prepare_manifest(settings)


@contextmanager
def running_database(settings: Settings) -> Iterator[None]:
    """A database for the length of the block.

    The embedded server is started, migrated, and stopped at the end where this process has started it.
    Raises `DatabaseUnavailable` or `NotMigrated`, each with one line.
    """
    embedded = embedded_server(settings)
    if embedded is None:
        check_connection(database_url(settings), wait_seconds=5)
        _require_tables()
        yield
        return
    was_running = embedded_is_running(settings)
    try:
        prepare_database(settings)
        yield
    finally:
        if not was_running:
            get_engine().dispose()
            embedded.stop()


def embedded_is_running(settings: Settings) -> bool:
    """Whether the embedded server answers now."""
    if not (settings.home / "postgres" / "port").exists():
        return False
    try:
        check_connection(database_url(settings, database="postgres"))
    except DatabaseUnavailable:
        return False
    return True


def _require_tables() -> None:
    with get_engine().connect() as connection:
        if connection.execute(text("select to_regclass('ops.schema_versions')")).scalar() is None:
            raise NotMigrated("The database is empty: run `dpp migrate` first")
