"""The record of who did what. Append-only; it names people by their id, never by e-mail address.

In: a connection and an action. Out: a row in `ops.audit_log`.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert

from core import clock
from core.tables import audit_log


def record(
    connection: Connection,
    action: str,
    *,
    actor: UUID | str,
    subject: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one audit row, in the caller's transaction."""
    connection.execute(
        insert(audit_log).values(
            occurred_at=clock.now(), actor=str(actor), action=action, subject=subject, detail=detail
        )
    )


def unknown_actor(typed: str) -> str:
    """A stand-in for somebody who is not a user: tells repeated attempts apart and names nobody."""
    return "unknown:" + hashlib.sha256(typed.strip().lower().encode("utf-8", "replace")).hexdigest()[:16]
