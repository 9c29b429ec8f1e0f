"""What the database already knows: how far each repository was read, and which of them an admin switched off.

In: a connection. Out: cursors by scope, numbers of repositories.
"""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, Engine, delete, exists, select, table

from core.tables import fetch_cursors, repositories
from ingestion.operations import configuration_hash
from ingestion.sources.github.plan import Cursor
from ingestion.sources.github.reading import KINDS
from ingestion.sources.github.session import SOURCE


def cursors(connection: Connection, configuration: str) -> dict[str, Cursor]:
    """How far each scope was read with this configuration."""
    found = connection.execute(
        select(fetch_cursors.c.scope, fetch_cursors.c.cursor).where(
            fetch_cursors.c.source == SOURCE,
            fetch_cursors.c.configuration_hash == configuration_hash(configuration),
        )
    )
    return {str(scope): cast(Cursor, cursor) for scope, cursor in found.all()}


def forget_emptied(engine: Engine) -> None:
    """Where a raw table was emptied, forget how far it was read, so that it is filled again."""
    with engine.begin() as connection:
        for kind in KINDS:
            raw = table(kind.table.name, schema=kind.table.dataset)
            if not connection.execute(select(exists().select_from(raw))).scalar_one():
                connection.execute(
                    delete(fetch_cursors).where(
                        fetch_cursors.c.source == SOURCE,
                        fetch_cursors.c.scope.startswith(f"{kind.name}:", autoescape=True),
                        fetch_cursors.c.cursor["read"].as_integer() > 0,
                    )
                )


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
