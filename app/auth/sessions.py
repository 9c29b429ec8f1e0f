"""Sessions: an opaque token in the browser, its hash in the database, and nothing that can be replayed.

In: a connection and a user or a token. Out: a fresh token, or who a token belongs to.
The token is 256 random bits and exists in the browser's cookie alone; `auth.sessions` keeps its SHA-256,
so neither a stolen dump nor a cookie kept after signing out opens anything.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from app.auth.users import User, load_user
from core import clock
from core.tables import sessions

COOKIE = "dpp_session"
TOKEN_BYTES = 32
# A dashboard asks at every click; the note of the last activity need not be finer than this.
ACTIVITY_GRAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A valid session: whose it is and when it ends."""

    session_id: UUID
    user: User
    expires_at: datetime


def start_session(
    connection: Connection, user: User, *, duration_minutes: int, auth_method: Literal["database", "oidc"] = "database"
) -> str:
    """Open a session and return its token, which nobody can read again."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    instant = clock.now()
    connection.execute(
        insert(sessions).values(
            token_hash=hash_token(token),
            user_id=user.user_id,
            auth_method=auth_method,
            created_at=instant,
            expires_at=instant + timedelta(minutes=duration_minutes),
            last_activity_at=instant,
        )
    )
    return token


def find_session(connection: Connection, token: str | None, *, is_activity: bool = True) -> Session | None:
    """Whose session a token opens; None for one that is unknown, ended, revoked, or of a switched-off user.

    `is_activity` is False where a page asks by itself: that somebody left it open is no activity of theirs.
    """
    if not token:
        return None
    instant = clock.now()
    row = (
        connection.execute(
            select(sessions).where(
                sessions.c.token_hash == hash_token(token),
                ~sessions.c.is_revoked,
                sessions.c.expires_at > instant,
            )
        )
        .mappings()
        .first()
    )
    user = load_user(connection, row["user_id"]) if row else None
    if row is None or user is None:
        return None
    noted = row["last_activity_at"]
    if is_activity and (noted is None or instant - noted >= ACTIVITY_GRAIN):
        connection.execute(
            update(sessions).where(sessions.c.session_id == row["session_id"]).values(last_activity_at=instant)
        )
    return Session(row["session_id"], user, row["expires_at"])


def end_session(connection: Connection, token: str | None) -> UUID | None:
    """Revoke a token's session for good; returns its user, or None where there was no open session."""
    if not token:
        return None
    return connection.execute(
        update(sessions)
        .where(sessions.c.token_hash == hash_token(token), ~sessions.c.is_revoked)
        .values(is_revoked=True)
        .returning(sessions.c.user_id)
    ).scalar()


def hash_token(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
