"""API keys of programs: made once, shown once, kept as a hash (004 §3.2.3).

In: a database connection. Out: the plain key at its making, and who a presented key belongs to.
A key is 256 random bits, so a plain SHA-256 is a safe way to keep it: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, text, update

from core import clock
from core.tables import api_keys

PREFIX = "dpp_"
PERMISSIONS = ("events:write", "links:write", "metrics:read", "admin")


@dataclass(frozen=True)
class ApiKey:
    """A valid key: its id, its name, what it may do, and the repositories it is bound to (None: all)."""

    key_id: UUID
    display_name: str
    permissions: frozenset[str]
    repositories: frozenset[str] | None

    def may(self, permission: str) -> bool:
        """Whether the key carries a permission."""
        return permission in self.permissions


def create_key(
    connection: Connection,
    display_name: str,
    permissions: list[str],
    stream_scope: dict[str, Any] | None = None,
    plain: str | None = None,
) -> tuple[UUID, str]:
    """Make a key; returns its id and the plain key, which nobody can read again. ValueError: unknown permission.

    A `plain` key that exists already gets the given rights, so a caller with a key of its own may call again.
    """
    unknown = sorted(set(permissions) - set(PERMISSIONS))
    if unknown or not permissions:
        raise ValueError(f"permissions {unknown or permissions}: choose from {', '.join(PERMISSIONS)}")
    plain = plain or PREFIX + secrets.token_urlsafe(32)
    values = {"display_name": display_name, "permissions": permissions, "stream_scope": stream_scope, "is_active": True}
    hashed = hash_key(plain)
    found = connection.execute(
        update(api_keys).where(api_keys.c.key_hash == hashed).values(**values).returning(api_keys.c.key_id)
    ).scalar()
    if found is None:
        found = connection.execute(
            api_keys.insert().values(key_hash=hashed, **values).returning(api_keys.c.key_id)
        ).scalar_one()
    return found, plain


def verify_key(connection: Connection, plain: str) -> ApiKey | None:
    """Who a presented key belongs to; None for one that is unknown, switched off or expired. Notes its use."""
    instant = clock.now()
    row = connection.execute(select(api_keys).where(api_keys.c.key_hash == hash_key(plain))).mappings().first()
    if row is None or not row["is_active"] or (row["expires_at"] is not None and row["expires_at"] <= instant):
        return None
    connection.execute(update(api_keys).where(api_keys.c.key_id == row["key_id"]).values(last_used_at=instant))
    return ApiKey(
        key_id=row["key_id"],
        display_name=row["display_name"],
        permissions=frozenset(row["permissions"]),
        repositories=_repositories(connection, row["stream_scope"]),
    )


def hash_key(plain: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def _repositories(connection: Connection, scope: dict[str, Any] | None) -> frozenset[str] | None:
    if not scope:
        return None
    names = set(scope.get("repositories", ()))
    if scope.get("tech_streams"):
        names |= set(
            connection.execute(
                text("select full_name from config.repositories where tech_stream_id = any(cast(:ids as uuid[]))"),
                {"ids": list(scope["tech_streams"])},
            ).scalars()
        )
    return frozenset(names)
