"""What the tests stand on: a real PostgreSQL of their own, a clean slate, a front door that listens.

The server lives in a folder that outlasts the run (it starts in a tenth of a second the second time);
each run makes its databases anew. Nothing leaves this machine.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
import uvicorn
from sqlalchemy import Connection, Engine, text
from starlette.applications import Starlette

from core.api_keys import create_key
from core.database import database_url, embedded_server, make_engine, prepare_database
from core.logging import configure_logging
from core.secrets import SecretName, secrets_for
from core.settings import Settings
from ingestion.front_door import FrontDoor

# A test server that loses power loses nothing that anybody wants back.
WITHOUT_WAITING_FOR_THE_DISK = ("fsync", "synchronous_commit", "full_page_writes")

# The files that take longest come first, so that no process is left with one at the end. A file that is missing here
# costs a little time and nothing else; `pytest --durations=50` tells.
LONGEST_FIRST = (
    "dbt/test_delivery_increments",
    "conformance/test_titanium_issues",
    "conformance/test_specialist_publisher",
    "journey/test_from_webhook_to_screen",
    "dbt/test_rules",
    "dbt/test_jira_fields",
    "dbt/test_work_items_both_ways",
    "dbt/test_same_events_both_ways",
    "dbt/test_work_items_increments",
    "app/test_dashboard",
    "orchestration/test_demo",
    "dbt/test_repository_names",
    "dbt/test_sprints",
    "dbt/test_metrics",
    "ingestion/demo/test_loading",
    "promises/",
    "ingestion/sources/test_jira_killed",
    "dbt/",
    "conformance/",
    "ingestion/front_door/test_nobody_is_written",
    "ingestion/sources/github/",
    "ingestion/sources/",
    "orchestration/",
)

SCHEMAS_WITH_INPUT = (
    "config", "auth", "landing", "raw_jira", "raw_git", "raw_github", "raw_gitlab", "raw_bitbucket", "forecast", "ops",
)  # fmt: skip


def pytest_configure() -> None:
    # dbt makes millions of objects that need no search for cycles: a third of its time was that search.
    gc.set_threshold(500_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        places = (place for place, beginning in enumerate(LONGEST_FIRST) if path.startswith(beginning))
        return next(places, len(LONGEST_FIRST))

    items.sort(key=rank)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kills", type=int, default=12, help="how often each test of a promise kills what it runs (a release: 50)"
    )


def make_database(settings: Settings, name: str) -> Settings:
    """A fresh, migrated database of that name on the test server, as settings that point at it."""
    server = make_engine(database_url(settings, database="postgres"), pool_size=1)
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'drop database if exists "{name}" with (force)'))
        connection.execute(text(f'create database "{name}"'))
    server.dispose()
    url = database_url(settings, database=name).render_as_string(hide_password=False)
    made = settings.model_copy(update={"database_url": url})
    prepare_database(made)
    return made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings whose embedded server runs for the length of the test run."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), environment="test", database_url=None)
    embedded = embedded_server(settings)
    assert embedded is not None
    embedded.start()
    wait_for_no_disk(settings)
    yield settings
    embedded.stop()


def wait_for_no_disk(settings: Settings) -> None:
    """Let the server answer before the disk has anything; a killed client still loses what it had not committed."""
    engine = make_engine(database_url(settings, database="postgres"), pool_size=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in WITHOUT_WAITING_FOR_THE_DISK:
            connection.execute(text(f"alter system set {name} = off"))
        connection.execute(text("select pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(scope="session")
def database(server: Settings) -> Settings:
    """Settings that point at a migrated database, shared by the run; see `clean_database`."""
    return make_database(server, "dpp_tests")


@pytest.fixture(scope="session")
def engine(database: Settings) -> Iterator[Engine]:
    """An engine on the shared database."""
    made = make_engine(database_url(database))
    yield made
    made.dispose()


@pytest.fixture
def clean_database(engine: Engine) -> Engine:
    """The shared database with every hand-made table empty."""
    with engine.begin() as connection:
        empty_input_tables(connection)
    return engine


def empty_input_tables(connection: Connection) -> None:
    """Truncate what people, programs and vendors write; derived tables are rebuilt from it."""
    names = connection.execute(
        text(
            """
            select format('%I.%I', schemaname, tablename)
            from pg_tables
            where schemaname = any(:schemas) and tablename not like 'raw_events_%' and tablename <> 'schema_versions'
                and tablename not like '\\_dlt%'
            """
        ),
        {"schemas": list(SCHEMAS_WITH_INPUT)},
    ).scalars()
    connection.execute(text(f"truncate {', '.join(names)} cascade"))


@dataclass(frozen=True)
class RunningDoor:
    """A front door that listens on loopback, and what a sender needs to know."""

    url: str
    github_secret: str
    jira_secret: str
    api_key: str
    pseudonym_key: str
    engine: Engine
    settings: Settings

    def secret(self, name: SecretName) -> str:
        """What the door shares with a vendor."""
        return secrets_for(self.settings).get(name)


@pytest.fixture
def front_door(clean_database: Engine, database: Settings, tmp_path: Path) -> Iterator[RunningDoor]:
    """The real sink and push API over HTTP, on a clean database with an archive of its own."""
    settings = database.model_copy(update={"archive_url": (tmp_path / "archive").as_uri()})
    with clean_database.begin() as connection:
        _, api_key = create_key(connection, "the tests' pipeline", ["events:write"])
    secrets = secrets_for(settings)
    door = FrontDoor(clean_database, secrets, settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette):  # type: ignore[no-untyped-def]
        async with door.lifespan():
            yield

    with serving(Starlette(routes=door.routes, lifespan=lifespan)) as url:
        yield RunningDoor(
            url=url,
            github_secret=secrets.get("github_webhook_secret"),
            jira_secret=secrets.get("jira_webhook_secret"),
            api_key=api_key,
            pseudonym_key=secrets.get("pseudonym_key"),
            engine=clean_database,
            settings=settings,
        )


@pytest.fixture
def log_lines(server: Settings) -> Iterator[io.StringIO]:
    """Everything that is logged during the test, at every level, as it would be written."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    written = io.StringIO()
    configure_logging(server.model_copy(update={"log_level": "debug"}), written)
    yield written
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


class serving:  # noqa: N801 - read as a sentence: with serving(app) as url
    """Run an ASGI application on a free loopback port for the length of a block; yields its address."""

    def __init__(self, application: object, *, access_log: bool = False) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(application, log_config=None, access_log=access_log))  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        deadline = time.monotonic() + 30
        while not self._server.started:
            assert self._thread.is_alive(), "the test server ended while it started"
            assert time.monotonic() < deadline, "the test server did not start in time"
            time.sleep(0.01)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()


def in_ci() -> bool:
    """Whether this run may not skip anything."""
    return os.environ.get("CI", "").lower() == "true"
