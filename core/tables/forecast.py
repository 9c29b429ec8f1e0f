"""Tables of the schema `forecast`: what the Python assets compute (004 §4.4.6)."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Integer, Numeric, Table, UniqueConstraint
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

sprint_confidence = Table(
    "sprint_confidence",
    metadata,
    # How likely a sprint's remaining items are done by its end (004 §6.2.2), each time it was worked out.
    identifier("confidence_id"),
    Column("sprint_id", UUID, nullable=False),
    Column("delivery_stream_id", UUID, nullable=False),
    instant("computed_at", nullable=False),
    Column("computed_on", Date, nullable=False),
    Column("remaining_count", Integer, nullable=False),
    # NULL where nobody said when the sprint ends.
    Column("working_days_left", Integer),
    Column("sampled_days", Integer, nullable=False),
    Column("simulation_runs", Integer, nullable=False),
    # NULL where there is no history to draw from; `error_state` says so and `note` what is missing.
    Column("confidence_pct", Numeric),
    Column("exact_confidence_pct", Numeric),
    words("error_state", nullable=False),
    words("note"),
    one_of("error_state", ("success", "missing_mapping", "no_data", "calculation_error")),
    UniqueConstraint("sprint_id", "computed_at"),
    schema="forecast",
)

forecast_calibrations = Table(
    "forecast_calibrations",
    metadata,
    # How often a stream's past forecasts came true: one row for each percentile of the latest back-test.
    identifier("calibration_id"),
    Column("delivery_stream_id", UUID, nullable=False),
    Column("forecast_date", Date, nullable=False),
    Column("percentile", Integer, nullable=False),
    # How many weeks of work, at the pace of then, each past forecast was asked about.
    Column("scope_weeks", Integer, nullable=False),
    Column("forecast_count", Integer, nullable=False),
    Column("hit_count", Integer, nullable=False),
    # NULL where no forecast has come due.
    Column("hit_rate_pct", Numeric),
    # What the forecasts themselves expected: weeks are whole, so a p85 week is reached with 85 % or more.
    Column("expected_rate_pct", Numeric),
    # Whether the weekly throughput was steady enough for its past to be a guide (XmR signals).
    Column("is_stable", Boolean),
    words("note"),
    instant("computed_at", default=True),
    UniqueConstraint("delivery_stream_id", "forecast_date", "percentile"),
    schema="forecast",
)
