"""The table that says which role a group of the identity provider gives, as an administrator keeps it.

In: a connection. Out: rows of `auth.group_role_mappings`, each change on the audit log. It acts at a person's next
sign-in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, delete, insert, select

from app.auth import audit
from app.auth.users import ROLES
from app.queries.streams import select_stream
from core.tables import delivery_streams, group_role_mappings, tech_streams


def map_group(
    connection: Connection, pattern: str, role: str, *, is_regex: bool = False, stream: str | None = None, actor: str
) -> None:
    """Give a role to everybody in a group, for one stream or for all.

    Raises `ValueError` for an unknown role or an expression that is none, and what `select_stream` raises.
    """
    if role not in ROLES:
        raise ValueError(f"role {role!r}: choose from {', '.join(ROLES)}")
    if is_regex:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    chosen = select_stream(connection, stream)
    connection.execute(
        insert(group_role_mappings).values(
            group_pattern=pattern,
            is_regex=is_regex,
            role=role,
            delivery_stream_id=chosen.stream_id if chosen.stream_type == "delivery" else None,
            tech_stream_id=chosen.stream_id if chosen.stream_type == "tech" else None,
        )
    )
    detail = {"role": role, "is_regex": is_regex, "stream": chosen.display_name}
    audit.record(connection, "group_mapped", actor=actor, subject=pattern, detail=detail)


def list_group_mappings(connection: Connection) -> Sequence[RowMapping]:
    """Every mapping with the name of its stream, by pattern."""
    table = group_role_mappings
    return (
        connection.execute(
            select(
                table,
                delivery_streams.c.display_name.label("delivery_stream"),
                tech_streams.c.display_name.label("tech_stream"),
            )
            .outerjoin(delivery_streams, table.c.delivery_stream_id == delivery_streams.c.stream_id)
            .outerjoin(tech_streams, table.c.tech_stream_id == tech_streams.c.stream_id)
            .order_by(table.c.group_pattern, table.c.role)
        )
        .mappings()
        .all()
    )


def unmap_group(connection: Connection, pattern: str, *, actor: str) -> int:
    """Take away what a group gives; returns how many mappings that were."""
    removed = connection.execute(delete(group_role_mappings).where(group_role_mappings.c.group_pattern == pattern))
    audit.record(connection, "group_unmapped", actor=actor, subject=pattern)
    return removed.rowcount
