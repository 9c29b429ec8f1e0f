"""The way to the database: one URL, one engine, one migration command.

In: settings and secrets. Out: SQLAlchemy engines (psycopg 3) and the URLs that dbt, dlt and
Dagster need. Nothing connects when this module is imported.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from core.embedded_postgres import EmbeddedPostgres
from core.secrets import secrets_for
from core.settings import Settings, get_settings

DATABASE = "dpp"
DAGSTER_DATABASE = "dpp_dagster"
# Every writer of derived tables holds this while it builds, so that two builds never meet.
BUILD_LOCK = 7_366_001
LANDING_LOCK = 7_366_002
MIGRATION_LOCK = 7_366_003
# Held by the worker that builds what arrives, as long as it lives.
WORKER_LOCK = 7_366_004
# Where a writer of `landing` says that something has arrived.
LANDING_CHANNEL = "landing"


class DatabaseUnavailable(Exception):
    """No connection; the message names the server and the reason in one line, and no password."""


def embedded_server(settings: Settings) -> EmbeddedPostgres | None:
    """The embedded server, or None where `DPP_DATABASE_URL` names another."""
    if settings.database_url is not None:
        return None
    return EmbeddedPostgres(settings.home / "postgres", secrets_for(settings).get("database_password"))


def database_url(settings: Settings, *, driver: str = "psycopg", database: str | None = None) -> URL:
    """URL of the platform's database with its driver written out; `database` picks another on the server."""
    embedded = embedded_server(settings)
    if embedded is not None:
        url = make_url(embedded.url).set(database=DATABASE)
    else:
        assert settings.database_url is not None
        url = make_url(settings.database_url.replace("postgres://", "postgresql://", 1))
        if url.password is None and (settings.secrets_path / "database_password").exists():
            url = url.set(password=secrets_for(settings).get("database_password"))
        if not url.database:
            url = url.set(database=DATABASE)
    return url.set(drivername=f"postgresql+{driver}", database=database or url.database)


def make_engine(url: URL, *, pool_size: int = 10) -> Engine:
    """An engine on UTC sessions; connections are checked before use, so a restarted server does no harm."""
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
    )


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    """This process's engine on the platform's database."""
    return make_engine(database_url(get_settings()))


def prepare_database(settings: Settings) -> None:
    """Start the embedded server where it is used, make the databases, migrate them to the newest version.

    Safe to call again and from several processes. Raises `DatabaseUnavailable`.
    """
    embedded = embedded_server(settings)
    if embedded is not None:
        embedded.start()
    _create_databases(settings)
    migrate(database_url(settings))


def check_connection(url: URL, *, wait_seconds: float = 0) -> None:
    """Connect once, trying again for `wait_seconds`; raises `DatabaseUnavailable` with one line."""
    deadline = time.monotonic() + wait_seconds
    engine = make_engine(url, pool_size=1)
    try:
        while True:
            try:
                with engine.connect():
                    return
            except OperationalError as error:
                if time.monotonic() >= deadline:
                    raise DatabaseUnavailable(_one_line(url, error)) from None
                time.sleep(0.2)
    finally:
        engine.dispose()


def migrate(url: URL) -> None:
    """Bring the hand-made tables to the newest version; one process at a time."""
    # Half a second to import, and most processes never migrate.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except OperationalError as error:
        raise DatabaseUnavailable(_one_line(url, error)) from None
    finally:
        engine.dispose()


def _create_databases(settings: Settings) -> None:
    """The platform's and Dagster's databases, where the server lets us make them."""
    check_connection(database_url(settings, database="postgres"), wait_seconds=5)
    engine = make_engine(database_url(settings, database="postgres"), pool_size=1)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name in (database_url(settings).database or DATABASE, dagster_database(settings)):
                found = connection.execute(text("select 1 from pg_database where datname = :name"), {"name": name})
                if found.first() is None:
                    connection.execute(text(f'create database "{name}"'))
    finally:
        engine.dispose()


def dagster_database(settings: Settings) -> str:
    """Name of Dagster's own database on the same server."""
    name = database_url(settings).database
    return DAGSTER_DATABASE if name == DATABASE else f"{name}_dagster"


def _one_line(url: URL, error: OperationalError) -> str:
    reason = " ".join(str(error.orig).split())
    return f"No connection to PostgreSQL at {url.host}:{url.port or 5432}, database {url.database}: {reason}"
