"""What is killed: one pull of each source, and the sink, as functions that a child process can run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from core.database import database_url, make_engine
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.front_door import FrontDoor
from ingestion.load import load_git, load_jira
from ingestion.sources.jira import JiraSite


def pull_jira(settings: Settings, url: str, email: str, token: str) -> None:
    """All issues of a site."""
    load_jira(JiraSite(url, email, token), settings)


def pull_git(settings: Settings, folder: Path) -> None:
    """The history of one clone."""
    load_git(folder, "acme/payments", settings)


def serve_the_door(settings: Settings, port: int) -> None:
    """The sink on a port of loopback, until somebody ends it."""
    engine = make_engine(database_url(settings))
    door = FrontDoor(engine, secrets_for(settings), settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with door.lifespan():
            yield

    uvicorn.run(Starlette(routes=door.routes, lifespan=lifespan), port=port, log_config=None, access_log=False)
