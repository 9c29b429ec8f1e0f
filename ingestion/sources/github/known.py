"""What the database already knows: how far each repository was read, and which of them an admin switched off.

In: a connection. Out: cursors by scope, numbers of repositories.
"""

from __future__ import annotations

from sqlalchemy import Connection, exists, select, table

from core.tables import fetch_cursors, repositories
from ingestion.operations import configuration_hash
from ingestion.sources.github.plan import Cursor
from ingestion.sources.github.reading import KINDS
from ingestion.sources.github.session import SOURCE


def cursors(connection: Connection, configuration: str) -> dict[str, Cursor]:
    """How far each scope was read; nothing of kinds whose table was emptied since, so that they are read again."""
    emptied = tuple(
        f"{kind.name}:"
        for kind in KINDS
        if not connection.execute(
            select(exists().select_from(table(kind.table.name, schema=kind.table.dataset)))
        ).scalar_one()
    )
    found = connection.execute(
        select(fetch_cursors.c.scope, fetch_cursors.c.cursor).where(
            fetch_cursors.c.source == SOURCE,
            fetch_cursors.c.configuration_hash == configuration_hash(configuration),
        )
    )
    read: dict[str, Cursor] = {str(scope): cursor for scope, cursor in found.tuples()}
    return {scope: cursor for scope, cursor in read.items() if not scope.startswith(emptied)}


def switched_off(connection: Connection) -> frozenset[str]:
    """The repositories that an admin took out of the platform, by GitHub's number."""
    found = connection.execute(
        select(repositories.c.provider_id).where(
            repositories.c.provider == "github",
            repositories.c.provider_id.is_not(None),
            repositories.c.is_active.is_(False),
        )
    )
    return frozenset(map(str, found.scalars()))
