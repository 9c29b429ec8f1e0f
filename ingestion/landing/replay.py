"""From the archive back into the landing: disaster recovery, and moving to an empty database.

In: an archive and an engine. Out: the rows that were missing; those that are there already stay as they are.
Survey answers are not in the archive (they must be deletable), so a replay does not bring them back.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from sqlalchemy import Engine, text

from ingestion.landing.archive import Archive
from ingestion.landing.store import store_batch

BATCH = 500


def replay(engine: Engine, archive: Archive, progress: Callable[[int], None] = lambda _stored: None) -> tuple[int, int]:
    """Store every archived delivery that the landing lacks; returns how many were stored and how many were there.

    `progress` is told the number of deliveries done with, after each batch.
    """
    stored = known = 0
    with engine.connect() as connection:
        deliveries = archive.read()
        while batch := list(islice(deliveries, BATCH)):
            months = {delivery.received_at.date().replace(day=1) for delivery in batch}
            for month in months:
                connection.execute(text("select landing.ensure_partitions(cast(:month as date), 1)"), {"month": month})
            receipts = store_batch(connection, None, batch)
            duplicates = sum(receipt.is_duplicate for receipt in receipts)
            known += duplicates
            stored += len(receipts) - duplicates
            progress(stored + known)
    return stored, known
