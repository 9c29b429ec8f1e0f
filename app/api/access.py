"""Who may read the API: somebody who is signed in, or a program with a key that carries `metrics:read`.

In: a request. Out: nothing where access is granted, else an `ApiError` (401 or 403) in the envelope.
"""

from __future__ import annotations

from fastapi import Request
from sqlalchemy import Connection, Engine

from app.api.envelope import ApiError
from app.auth.sessions import COOKIE, find_session
from core.api_keys import verify_key

PERMISSION = "metrics:read"
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Readers:
    """The gate before every route below /api/v1, on one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def require(self, request: Request) -> None:
        """Let a reader pass. A key that is presented decides alone: it never falls back to the cookie."""
        presented = request.headers.get("authorization")
        with self.engine.begin() as connection:
            if presented is not None:
                _require_key(connection, presented)
            elif find_session(connection, request.cookies.get(COOKIE)) is None:
                raise ApiError(
                    401,
                    "not_signed_in",
                    "Sign in at /auth/sign-in, or send an API key as `Authorization: Bearer KEY`",
                    headers=_CHALLENGE,
                )


def _require_key(connection: Connection, presented: str) -> None:
    scheme, _, plain = presented.partition(" ")
    key = verify_key(connection, plain.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise ApiError(401, "invalid_key", "The API key is unknown, switched off or expired", headers=_CHALLENGE)
    if not key.may(PERMISSION):
        raise ApiError(403, "not_permitted", f"This API key does not carry the permission {PERMISSION}")
    if key.repositories is not None:
        # A stream's numbers mix repositories, so a key that is bound to some may not read them.
        raise ApiError(403, "not_permitted", "This API key is bound to repositories and cannot read streams' metrics")
