"""Which streams are there, and which one does a reader mean?

In: a connection; a stream's id or name. Out: lists of streams, and the `Selection` that every other query
takes. This is the one door to a stream, so a reader's rights are checked here and nowhere else.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, func, or_, select

from app.queries.values import ALL_STREAMS, Selection, Stream
from core.tables import delivery_streams, tech_streams


class UnknownStream(Exception):
    """No stream has this id or name."""


class AmbiguousStream(Exception):
    """A delivery and a technology stream share this name; only the id tells them apart."""


def list_delivery_streams(connection: Connection, *, include_inactive: bool = False) -> tuple[Stream, ...]:
    """The delivery streams by display name; switched-off ones only where asked for."""
    query = select(delivery_streams).order_by(delivery_streams.c.display_name)
    if not include_inactive:
        query = query.where(delivery_streams.c.is_active)
    return tuple(
        Stream(
            stream_id=row["stream_id"],
            stream_type="delivery",
            name=row["name"],
            display_name=row["display_name"],
            description=row["description"],
            is_active=row["is_active"],
            team_size=row["team_size"],
        )
        for row in connection.execute(query).mappings()
    )


def list_tech_streams(connection: Connection, *, include_inactive: bool = False) -> tuple[Stream, ...]:
    """The technology streams by display name; switched-off ones only where asked for."""
    query = select(tech_streams).order_by(tech_streams.c.display_name)
    if not include_inactive:
        query = query.where(tech_streams.c.is_active)
    return tuple(
        Stream(
            stream_id=row["stream_id"],
            stream_type="tech",
            name=row["name"],
            display_name=row["display_name"],
            description=row["description"],
            is_active=row["is_active"],
            github_org=row["github_org"],
        )
        for row in connection.execute(query).mappings()
    )


def select_stream(connection: Connection, wanted: str | None) -> Selection:
    """The stream with the id, name or display name `wanted` (case aside); all streams for None, '' and 'all'.

    Raises `UnknownStream` and `AmbiguousStream`.
    """
    if not wanted or wanted.lower() == "all":
        return ALL_STREAMS
    found = [*_find(connection, wanted, "delivery"), *_find(connection, wanted, "tech")]
    if not found:
        raise UnknownStream(wanted)
    if len(found) > 1:
        raise AmbiguousStream(wanted)
    return found[0]


def _find(connection: Connection, wanted: str, stream_type: str) -> list[Selection]:
    table = delivery_streams if stream_type == "delivery" else tech_streams
    query = select(table.c.stream_id, table.c.name, table.c.display_name)
    try:
        query = query.where(table.c.stream_id == UUID(wanted))
    except ValueError:
        lowered = wanted.lower()
        query = query.where(or_(func.lower(table.c.name) == lowered, func.lower(table.c.display_name) == lowered))
    return [
        Selection("delivery" if stream_type == "delivery" else "tech", row.stream_id, row.name, row.display_name)
        for row in connection.execute(query)
    ]
