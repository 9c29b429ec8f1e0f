"""One batch of deliveries into the database and the archive, in one transaction.

`landing_id` grows in the order of commits: writers take a lock before they draw numbers, so a reader
that remembers the highest number it has seen never misses a row that commits later with a lower one.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, text

from core.database import LANDING_CHANNEL, LANDING_LOCK
from ingestion.landing.archive import Archive
from ingestion.landing.delivery import Delivery, Receipt

_STORE = text(
    """
    with incoming as (
        select *
        from unnest(
            cast(:sources as text[]), cast(:event_names as text[]), cast(:delivery_ids as text[]),
            cast(:payloads as text[]), cast(:received_ats as timestamptz[])
        ) with ordinality as incoming (source, event_name, delivery_id, payload, received_at, position)
    ),
    fresh as (
        insert into landing.deliveries (source, delivery_id, landing_id, received_at)
        select source, delivery_id, nextval('landing.landing_id'), received_at
        from incoming
        order by position
        on conflict do nothing
        returning source, delivery_id, landing_id
    ),
    stored as (
        insert into landing.raw_events (landing_id, received_at, source, event_name, delivery_id, payload)
        select fresh.landing_id, incoming.received_at, incoming.source, incoming.event_name, incoming.delivery_id,
            cast(incoming.payload as jsonb)
        from incoming
        inner join fresh using (source, delivery_id)
    )
    select source, delivery_id, landing_id from fresh
    """
)
_DEAD_LETTER = text(
    """
    insert into landing.dead_letters (landing_id, received_at, source, event_name, reason)
    values (:landing_id, :received_at, :source, :event_name, :reason)
    """
)


def store_batch(connection: Connection, archive: Archive | None, deliveries: Sequence[Delivery]) -> list[Receipt]:
    """Store deliveries in order and say what became of each; the caller's transaction is committed here.

    `archive` is None for deliveries that come from it.
    The archive is written before the commit: a crash between the two leaves a line too many there,
    which a replay drops as a duplicate, and never one too few.
    """
    first: dict[tuple[str, str], Delivery] = {}
    for delivery in deliveries:
        first.setdefault((delivery.source, delivery.delivery_id), delivery)
    batch = list(first.values())
    payloads = [orjson.dumps(delivery.payload).decode() for delivery in batch]
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LANDING_LOCK})
    rows = connection.execute(
        _STORE,
        {
            "sources": [delivery.source for delivery in batch],
            "event_names": [delivery.event_name for delivery in batch],
            "delivery_ids": [delivery.delivery_id for delivery in batch],
            "payloads": payloads,
            "received_ats": [delivery.received_at for delivery in batch],
        },
    )
    stored = {(row.source, row.delivery_id): row.landing_id for row in rows}
    letters = [
        {
            "landing_id": stored[key],
            "received_at": delivery.received_at,
            "source": delivery.source,
            "event_name": delivery.event_name,
            "reason": delivery.problem,
        }
        for key, delivery in first.items()
        if delivery.problem is not None and key in stored
    ]
    if letters:
        connection.execute(_DEAD_LETTER, letters)
    if stored:
        # Heard at the commit by whoever builds the marts.
        connection.execute(text(f"notify {LANDING_CHANNEL}"))
    if archive is not None:
        archive.append(
            (delivery, payload)
            for delivery, payload in zip(batch, payloads, strict=True)
            if delivery.is_archived and (delivery.source, delivery.delivery_id) in stored
        )
    connection.commit()
    # `pop`: of two equal deliveries in one batch the first is stored and the second is the duplicate.
    return [Receipt(stored.pop((delivery.source, delivery.delivery_id), None)) for delivery in deliveries]
