"""Tables of the schema `forecast`: what the Python assets compute (004 §4.4.6)."""

from __future__ import annotations

from sqlalchemy import Column, Date, Integer, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, UUID

from core.tables.columns import identifier, instant, metadata, one_of, words

forecast_snapshots = Table(
    "forecast_snapshots",
    metadata,
    identifier("forecast_id"),
    Column("delivery_stream_id", UUID, nullable=False),
    Column("forecast_date", Date, nullable=False),
    Column("scope_item_count", Integer, nullable=False),
    Column("throughput_samples", Integer, nullable=False),
    Column("simulation_runs", Integer, nullable=False),
    # `monte_carlo`, `linear` (low confidence: p50 only) or `none` (nothing was ever completed).
    words("method", nullable=False),
    words("note"),
    # NULL where the method yields no such date: a linear projection has no interval.
    Column("p50_completion_date", Date),
    Column("p70_completion_date", Date),
    Column("p85_completion_date", Date),
    Column("p95_completion_date", Date),
    Column("distribution_data", JSONB, nullable=False),
    instant("computed_at", default=True),
    one_of("method", ("monte_carlo", "linear", "none")),
    UniqueConstraint("delivery_stream_id", "forecast_date"),
    schema="forecast",
)
