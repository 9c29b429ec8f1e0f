"""The raw tables in the database: made before anything is pulled, so that dbt finds its sources.

In: settings. Out: empty tables where they were missing, as `ingestion.sources.tables` describes them.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from core.database import database_url, make_engine
from core.settings import Settings
from ingestion.sources.tables import RAW_TABLES


def prepare_raw_tables(settings: Settings) -> None:
    """Make the empty raw tables that are missing; does nothing on the second call.

    The tables are as dlt makes them, with its two columns; made here, since eight tables by dlt cost seconds.
    """
    engine = make_engine(database_url(settings), pool_size=1)
    try:
        with engine.begin() as connection:
            make_raw_tables(connection)
    finally:
        engine.dispose()


def make_raw_tables(connection: Connection) -> None:
    """The same within a transaction of the caller's."""
    connection.execute(text("select pg_advisory_xact_lock(hashtext('raw tables'))"))
    for raw in RAW_TABLES:
        connection.execute(text(f"create schema if not exists {raw.dataset}"))
        connection.execute(text(raw.create_statement))
