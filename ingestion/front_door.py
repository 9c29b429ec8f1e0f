"""The front door: webhooks and pushes over one inbox, and manual links. Everything that is sent to us comes in here.

In: an engine, secrets, settings. Out: routes for an ASGI application and the lifespan that they need.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Engine
from starlette.routing import Route

from core.privacy import Pseudonymiser
from core.secrets import SecretsProvider
from core.settings import Settings
from ingestion.keys import KeyRing
from ingestion.landing import Archive, Inbox
from ingestion.links import link_routes
from ingestion.push import push_routes
from ingestion.webhooks import webhook_routes


class FrontDoor:
    """Routes that store what is delivered; they work inside `lifespan`."""

    def __init__(self, engine: Engine, secrets: SecretsProvider, settings: Settings) -> None:
        self._inbox = Inbox(engine, Archive(settings.archive_location))
        pseudonymiser = Pseudonymiser(secrets.get("pseudonym_key"))
        keys = KeyRing(engine)
        self.routes: list[Route] = [
            *webhook_routes(self._inbox, secrets, pseudonymiser, settings),
            *push_routes(keys, self._inbox, pseudonymiser, settings),
            *link_routes(keys, engine, settings),
        ]

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Take deliveries for the length of the block; at its end everything taken is written."""
        self._inbox.open()
        try:
            yield
        finally:
            await self._inbox.close()
