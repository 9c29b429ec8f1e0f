"""Who sends: the holder of the API key in a request.

In: an engine and Authorization headers. Out: keys, or `Refused` 401 and 403.
"""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import Engine

from core.api_keys import ApiKey, hash_key, verify_key
from ingestion.bodies import Refused
from ingestion.webhooks.signatures import bearer_token

# A key switched off goes on for at most this long in a process that has just seen it.
KEY_MEMORY_SECONDS = 10.0
LARGEST_KEY_MEMORY = 1_000


class KeyRing:
    """Remembers for some seconds whose key it was, so that a busy pipeline costs one look-up, not thousands."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[float, ApiKey]] = {}

    async def holder(self, authorization: str | None, permission: str) -> ApiKey:
        """The holder of the key in an Authorization header. Raises `Refused` 401, or 403 without the permission."""
        plain = bearer_token(authorization)
        if plain is None:
            raise Refused(401, "missing_key", "Send your API key as Authorization: Bearer …")
        hashed = hash_key(plain)
        remembered_until, key = self._known.get(hashed, (0.0, None))
        if key is None or remembered_until < time.monotonic():
            key = await asyncio.to_thread(self._look_up, plain)
            if key is None:
                self._known.pop(hashed, None)
                raise Refused(401, "invalid_key", "This API key is unknown, switched off or expired")
            if len(self._known) >= LARGEST_KEY_MEMORY:
                self._known.clear()
            self._known[hashed] = (time.monotonic() + KEY_MEMORY_SECONDS, key)
        if not key.may(permission):
            raise Refused(403, "missing_permission", f"This API key lacks the permission {permission}")
        return key

    def _look_up(self, plain: str) -> ApiKey | None:
        with self._engine.begin() as connection:
            return verify_key(connection, plain)
