"""What the tests with recorded data stand on: a database for each recording, and a front door to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from starlette.applications import Starlette

from core.api_keys import create_key
from core.database import database_url, make_engine
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.front_door import FrontDoor
from tests.conftest import RunningDoor, serving
from tests.marts import build_marts, marts_database


class Database:
    """A database of a recording's own, since a recording takes seconds to load and many tests look at it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = make_engine(database_url(settings))

    def rows(self, query: str, **parameters: object) -> Sequence[Any]:
        """All rows of a query."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), parameters).all()

    def pairs(self, query: str, **parameters: object) -> dict[Any, Any]:
        """The rows of a query with two columns, as keys and values."""
        return dict(tuple(row) for row in self.rows(query, **parameters))

    def execute(self, statement: str, **parameters: object) -> None:
        """Run one statement."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)


def build_on_real_data(settings: Settings, as_of: datetime) -> None:
    """Seeds, models and the invariants of the models (dbt's data tests), which real data is the best test of.

    The unit tests of the models have data of their own; they run with the models.
    """
    build_marts(settings, as_of, select=["resource_type:seed", "resource_type:model", "test_type:data"])


@pytest.fixture(scope="module")
def recording(server: Settings) -> Iterator[Database]:
    """A fresh database with empty raw tables, for the tests of one module."""
    made = Database(marts_database(server))
    yield made
    made.engine.dispose()


@contextmanager
def front_door_of(engine: Engine, settings: Settings, archive: Path) -> Iterator[RunningDoor]:
    """The real sink and push API over HTTP, on this database."""
    settings = settings.model_copy(update={"archive_url": archive.as_uri()})
    with engine.begin() as connection:
        _, api_key = create_key(connection, "the recording's pipeline", ["events:write"])
    secrets = secrets_for(settings)
    door = FrontDoor(engine, secrets, settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with door.lifespan():
            yield

    with serving(Starlette(routes=door.routes, lifespan=lifespan)) as url:
        yield RunningDoor(
            url=url,
            github_secret=secrets.get("github_webhook_secret"),
            jira_secret=secrets.get("jira_webhook_secret"),
            api_key=api_key,
            pseudonym_key=secrets.get("pseudonym_key"),
            engine=engine,
            settings=settings,
        )
