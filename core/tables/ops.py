"""Tables of the schema `ops`: what the platform did. Append-only."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Computed, Identity, Integer, Numeric, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from core.tables.columns import flag, identifier, instant, metadata, one_of, words

fetch_operations = Table(
    "fetch_operations",
    metadata,
    identifier("operation_id"),
    words("source", nullable=False),
    words("operation", nullable=False),
    instant("started_at", nullable=False),
    instant("finished_at"),
    words("status", nullable=False),
    Column("rows_fetched", BigInteger),
    words("configuration_hash"),
    words("message"),
    # What was asked for: the query, the repository, the organisation (001 §4).
    words("query"),
    Column("api_calls", Integer, nullable=False, server_default="0"),
    # How often the vendor said "too many requests", and what it said was left of the budget.
    Column("rate_limit_delays", Integer, nullable=False, server_default="0"),
    Column("rate_limit_remaining", Integer),
    # Nothing had changed, so nothing was fetched.
    flag("cache_hit", "false"),
    # The last line of progress of a fetch that runs.
    words("progress"),
    Column("duration_seconds", Numeric, Computed("extract(epoch from finished_at - started_at)", persisted=True)),
    # `deferred`: put off, since what is left of the vendor's rate limit is kept for what matters more.
    one_of("status", ("running", "success", "failure", "deferred")),
    CheckConstraint("not cache_hit or api_calls = 0", name="cache_hit"),
    schema="ops",
)

fetch_cursors = Table(
    "fetch_cursors",
    metadata,
    # How far a source was read: one row for each thing that is read on its own, such as a repository.
    words("source", primary_key=True),
    words("scope", primary_key=True),
    words("configuration_hash", nullable=False),
    Column("cursor", JSONB, nullable=False),
    instant("updated_at", default=True),
    schema="ops",
)

calculation_timings = Table(
    "calculation_timings",
    metadata,
    Column("timing_id", BigInteger, Identity(always=True), primary_key=True),
    words("calculation", nullable=False),
    instant("started_at", nullable=False),
    Column("duration_seconds", Numeric, nullable=False),
    Column("rows_written", BigInteger),
    words("status", nullable=False),
    schema="ops",
)

mart_state = Table(
    "mart_state",
    metadata,
    # One row: the newest delivery that the marts contain, and a number that grows when a build changed them.
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("landing_id", BigInteger, nullable=False),
    instant("built_at", nullable=False),
    words("built_by", nullable=False),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("singleton", name="singleton"),
    one_of("built_by", ("run", "worker")),
    schema="ops",
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("audit_id", BigInteger, Identity(always=True), primary_key=True),
    instant("occurred_at", default=True),
    words("actor", nullable=False),
    words("action", nullable=False),
    words("subject"),
    Column("detail", JSONB),
    schema="ops",
)

alerts = Table(
    "alerts",
    metadata,
    identifier("alert_id"),
    words("condition", nullable=False),
    words("severity", nullable=False),
    words("message", nullable=False),
    instant("opened_at", default=True),
    instant("acknowledged_at"),
    instant("closed_at"),
    one_of("severity", ("critical", "high", "medium", "low")),
    schema="ops",
)

backfill_requests = Table(
    "backfill_requests",
    metadata,
    identifier("request_id"),
    words("source", nullable=False),
    words("scope", nullable=False),
    instant("requested_at", default=True),
    words("requested_by", nullable=False),
    words("status", nullable=False, server_default="requested"),
    words("message"),
    one_of("status", ("requested", "running", "done", "failed", "cancelled")),
    schema="ops",
)
