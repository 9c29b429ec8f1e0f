"""Tables of the schema `landing`: the inbox.

Append-only; `landing_id` grows in the order of commits (see ingestion.landing).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, func, text
from sqlalchemy.dialects.postgresql import JSONB

from core.tables.columns import instant, metadata, words

deliveries = Table(
    "deliveries",
    metadata,
    # A partitioned table can only be unique within a partition; this one is unique for ever.
    words("source", primary_key=True),
    words("delivery_id", primary_key=True),
    Column("landing_id", BigInteger, nullable=False),
    instant("received_at", nullable=False),
    schema="landing",
)

raw_events = Table(
    "raw_events",
    metadata,
    # A sequence, not an identity column: partitioned tables have those from PostgreSQL 17 on only.
    Column(
        "landing_id",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        server_default=text("nextval('landing.landing_id')"),
    ),
    Column("received_at", DateTime(timezone=True), primary_key=True, server_default=func.now()),
    words("source", nullable=False),
    words("event_name", nullable=False),
    words("delivery_id", nullable=False),
    Column("payload", JSONB, nullable=False),
    Index("ix_raw_events_source_event_name_landing_id", "source", "event_name", "landing_id"),
    schema="landing",
    postgresql_partition_by="RANGE (received_at)",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("dead_letter_id", BigInteger, Identity(always=True), primary_key=True),
    Column("landing_id", BigInteger, nullable=False, index=True),
    instant("received_at", nullable=False),
    words("source", nullable=False),
    words("event_name", nullable=False),
    words("reason", nullable=False),
    instant("resolved_at"),
    schema="landing",
)
