"""The front door: webhooks and pushes over one inbox. Everything that is ever loaded comes in here.

In: an engine, secrets, settings. Out: routes for an ASGI application and the lifespan that they need.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Engine
from starlette.routing import Route

from core.secrets import SecretsProvider
from core.settings import Settings
from ingestion.landing import Archive, Inbox
from ingestion.push import push_routes
from ingestion.webhooks import webhook_routes


class FrontDoor:
    """Routes that store what is delivered; they work inside `lifespan`."""

    def __init__(self, engine: Engine, secrets: SecretsProvider, settings: Settings) -> None:
        self._inbox = Inbox(engine, Archive(settings.archive_location))
        self.routes: list[Route] = [
            *webhook_routes(self._inbox, secrets, settings),
            *push_routes(engine, self._inbox, secrets, settings),
        ]

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Take deliveries for the length of the block; at its end everything taken is written."""
        self._inbox.open()
        try:
            yield
        finally:
            await self._inbox.close()
