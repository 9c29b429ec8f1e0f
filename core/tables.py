"""Every hand-made table, by schema: what the migrations create and the other packages name.

In: nothing. Out: SQLAlchemy tables. Names and columns of `config` and `auth` are those of
specification 004 §3 and §4.2; what stands beside them says why. Tables that dbt or dlt
make are not here: they belong to their writers.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

SCHEMAS = ("config", "auth", "landing", "raw_jira", "raw_git", "forecast", "ops")
DERIVED_SCHEMAS = ("staging", "events", "cycles", "metrics", "quality")
PIPELINE_STAGES = ("backlog", "ba", "dev", "code_review", "qa", "uat", "done", "cancelled")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _id(name: str) -> Column[object]:
    return Column(name, UUID, primary_key=True, server_default=text("gen_random_uuid()"))


def _at(name: str, *, default: bool = False, nullable: bool = True) -> Column[object]:
    if default:
        return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str, **options: object) -> Column[object]:
    return Column(name, Text, **options)  # type: ignore[arg-type]


def _flag(name: str, default: str) -> Column[object]:
    return Column(name, Boolean, nullable=False, server_default=text(default))


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)


# --- config: streams, mappings, calendars. Written by the admin view, `dpp config` and source syncs. ---

delivery_streams = Table(
    "delivery_streams",
    metadata,
    _id("stream_id"),
    _text("name", nullable=False, unique=True),
    _text("display_name", nullable=False),
    _text("description"),
    _flag("is_active", "true"),
    # Team size is the denominator of the survey response rate; the specification names no place for it.
    Column("team_size", Integer),
    _at("created_at", default=True),
    _at("updated_at", default=True),
    schema="config",
)

tech_streams = Table(
    "tech_streams",
    metadata,
    _id("stream_id"),
    _text("name", nullable=False, unique=True),
    _text("display_name", nullable=False),
    _text("github_org", nullable=False, unique=True),
    _text("github_install_id", nullable=False),
    _text("description"),
    _flag("is_active", "true"),
    # Lead time runs from the pull request's opening or from its first commit (004 §6.4.4, by stream).
    _text("lead_time_method", nullable=False, server_default="pull_request"),
    # Overrides the default ticket pattern of 004 §5.3.4 for this stream.
    _text("ticket_pattern"),
    _at("created_at", default=True),
    _at("updated_at", default=True),
    _one_of("lead_time_method", ("pull_request", "first_commit")),
    schema="config",
)

jira_projects = Table(
    "jira_projects",
    metadata,
    _text("jira_project_key", primary_key=True),
    _text("name"),
    # The methods of 004 §5.2.4 in the order in which they are tried for this project.
    Column(
        "stream_methods",
        ARRAY(Text),
        nullable=False,
        server_default=text("array['field', 'project', 'label', 'component']"),
    ),
    # The stream that the method `project` yields.
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    _flag("is_active", "true"),
    schema="config",
)

field_mappings = Table(
    "field_mappings",
    metadata,
    _text("internal_field", primary_key=True),
    # A Jira field id such as customfield_10020; sites differ, so nothing is assumed (004 Appendix A).
    _text("jira_field_id", nullable=False),
    schema="config",
)

status_mappings = Table(
    "status_mappings",
    metadata,
    _id("mapping_id"),
    _text("jira_project_key", nullable=False),
    _text("jira_status_name", nullable=False),
    _text("pipeline_stage", nullable=False),
    Column("is_active_work", Boolean, nullable=False),
    Column("display_order", Integer, nullable=False),
    _one_of("pipeline_stage", PIPELINE_STAGES),
    UniqueConstraint("jira_project_key", "jira_status_name"),
    schema="config",
)

repositories = Table(
    "repositories",
    metadata,
    _id("repo_id"),
    Column("tech_stream_id", UUID, ForeignKey("config.tech_streams.stream_id"), nullable=False),
    _text("github_org", nullable=False),
    _text("github_repo_name", nullable=False),
    _text("full_name", nullable=False),
    _text("default_branch", nullable=False, server_default="main"),
    _flag("is_deployable", "true"),
    _text("deploy_target"),
    _flag("is_active", "true"),
    UniqueConstraint("github_org", "github_repo_name"),
    schema="config",
)

sprints = Table(
    "sprints",
    metadata,
    _id("sprint_id"),
    _text("jira_sprint_id", nullable=False, unique=True),
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    _text("name", nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    _text("goal"),
    _text("state"),
    _one_of("state", ("future", "active", "closed")),
    schema="config",
)

holidays = Table(
    "holidays",
    metadata,
    Column("holiday_date", Date, primary_key=True),
    _text("name", nullable=False),
    schema="config",
)

thresholds = Table(
    "thresholds",
    metadata,
    _text("name", primary_key=True),
    Column("value", Numeric, nullable=False),
    _text("description", nullable=False),
    schema="config",
)

manual_links = Table(
    "manual_links",
    metadata,
    _text("repo_full_name", primary_key=True),
    Column("pr_number", Integer, primary_key=True),
    _text("ticket_id", nullable=False),
    _at("linked_at", default=True),
    schema="config",
)

bots = Table(
    "bots",
    metadata,
    # The pseudonym of a bot account, beside what the vendor marks as a bot itself.
    _text("person_hash", primary_key=True),
    _at("added_at", default=True),
    schema="config",
)

notes_on_charts = Table(
    "annotations",
    metadata,
    _id("annotation_id"),
    Column("annotated_on", Date, nullable=False),
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    _text("text", nullable=False),
    _at("created_at", default=True),
    schema="config",
)

# --- auth: people who may look, programs that may write (004 §3). ---

users = Table(
    "users",
    metadata,
    _id("user_id"),
    _text("email", nullable=False, unique=True),
    _text("display_name", nullable=False),
    # NULL for a person who signs in through OpenID Connect.
    _text("password_hash"),
    _flag("is_active", "true"),
    Column("failed_sign_ins", Integer, nullable=False, server_default="0"),
    _at("locked_until"),
    _at("created_at", default=True),
    _at("last_login_at"),
    schema="auth",
)

user_roles = Table(
    "user_roles",
    metadata,
    _id("user_role_id"),
    Column("user_id", UUID, ForeignKey("auth.users.user_id", ondelete="CASCADE"), nullable=False),
    _text("role", nullable=False),
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    Column("tech_stream_id", UUID, ForeignKey("config.tech_streams.stream_id")),
    Column("granted_by", UUID, ForeignKey("auth.users.user_id")),
    _at("granted_at", default=True),
    _one_of("role", ("viewer", "team_member", "stream_lead", "platform_admin")),
    UniqueConstraint("user_id", "role", "delivery_stream_id", "tech_stream_id", postgresql_nulls_not_distinct=True),
    schema="auth",
)

group_role_mappings = Table(
    "group_role_mappings",
    metadata,
    _id("mapping_id"),
    _text("group_pattern", nullable=False),
    _flag("is_regex", "false"),
    _text("role", nullable=False),
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    Column("tech_stream_id", UUID, ForeignKey("config.tech_streams.stream_id")),
    _one_of("role", ("viewer", "team_member", "stream_lead", "platform_admin")),
    schema="auth",
)

sessions = Table(
    "sessions",
    metadata,
    _id("session_id"),
    # SHA-256 of the opaque token in the cookie; the token itself is nowhere stored.
    _text("token_hash", nullable=False, unique=True),
    Column("user_id", UUID, ForeignKey("auth.users.user_id", ondelete="CASCADE"), nullable=False),
    _text("auth_method", nullable=False),
    _at("created_at", default=True),
    _at("expires_at", nullable=False),
    _at("last_activity_at"),
    _flag("is_revoked", "false"),
    _one_of("auth_method", ("oidc", "database")),
    schema="auth",
)

api_keys = Table(
    "api_keys",
    metadata,
    _id("key_id"),
    _text("key_hash", nullable=False, unique=True),
    _text("display_name", nullable=False),
    Column("permissions", ARRAY(Text), nullable=False),
    # {"repositories": ["org/name", …]} or {"tech_streams": [uuid, …]}; NULL means all.
    Column("stream_scope", JSONB),
    _flag("is_active", "true"),
    Column("created_by", UUID, ForeignKey("auth.users.user_id")),
    _at("created_at", default=True),
    _at("last_used_at"),
    _at("expires_at"),
    schema="auth",
)

# --- landing: the inbox. Append-only; `landing_id` grows in the order of commits (see ingestion.landing). ---

deliveries = Table(
    "deliveries",
    metadata,
    # A partitioned table can only be unique within a partition; this one is unique for ever.
    _text("source", primary_key=True),
    _text("delivery_id", primary_key=True),
    Column("landing_id", BigInteger, nullable=False),
    _at("received_at", nullable=False),
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
    _text("source", nullable=False),
    _text("event_name", nullable=False),
    _text("delivery_id", nullable=False),
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
    _at("received_at", nullable=False),
    _text("source", nullable=False),
    _text("event_name", nullable=False),
    _text("reason", nullable=False),
    _at("resolved_at"),
    schema="landing",
)

# --- forecast: what the Python assets compute (004 §4.4.6). ---

forecast_snapshots = Table(
    "forecast_snapshots",
    metadata,
    _id("forecast_id"),
    Column("delivery_stream_id", UUID, nullable=False),
    Column("forecast_date", Date, nullable=False),
    Column("scope_item_count", Integer, nullable=False),
    Column("throughput_samples", Integer, nullable=False),
    Column("simulation_runs", Integer, nullable=False),
    # `monte_carlo`, `linear` (low confidence: p50 only) or `none` (nothing was ever completed).
    _text("method", nullable=False),
    _text("note"),
    # NULL where the method yields no such date: a linear projection has no interval.
    Column("p50_completion_date", Date),
    Column("p70_completion_date", Date),
    Column("p85_completion_date", Date),
    Column("p95_completion_date", Date),
    Column("distribution_data", JSONB, nullable=False),
    _at("computed_at", default=True),
    _one_of("method", ("monte_carlo", "linear", "none")),
    UniqueConstraint("delivery_stream_id", "forecast_date"),
    schema="forecast",
)

# --- ops: what the platform did. Append-only. ---

fetch_operations = Table(
    "fetch_operations",
    metadata,
    _id("operation_id"),
    _text("source", nullable=False),
    _text("operation", nullable=False),
    _at("started_at", nullable=False),
    _at("finished_at"),
    _text("status", nullable=False),
    Column("rows_fetched", BigInteger),
    _text("configuration_hash"),
    _text("message"),
    _one_of("status", ("running", "success", "failure")),
    schema="ops",
)

calculation_timings = Table(
    "calculation_timings",
    metadata,
    Column("timing_id", BigInteger, Identity(always=True), primary_key=True),
    _text("calculation", nullable=False),
    _at("started_at", nullable=False),
    Column("duration_seconds", Numeric, nullable=False),
    Column("rows_written", BigInteger),
    _text("status", nullable=False),
    schema="ops",
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("audit_id", BigInteger, Identity(always=True), primary_key=True),
    _at("occurred_at", default=True),
    _text("actor", nullable=False),
    _text("action", nullable=False),
    _text("subject"),
    Column("detail", JSONB),
    schema="ops",
)

alerts = Table(
    "alerts",
    metadata,
    _id("alert_id"),
    _text("condition", nullable=False),
    _text("severity", nullable=False),
    _text("message", nullable=False),
    _at("opened_at", default=True),
    _at("acknowledged_at"),
    _at("closed_at"),
    _one_of("severity", ("critical", "high", "medium", "low")),
    schema="ops",
)

backfill_requests = Table(
    "backfill_requests",
    metadata,
    _id("request_id"),
    _text("source", nullable=False),
    _text("scope", nullable=False),
    _at("requested_at", default=True),
    _text("requested_by", nullable=False),
    _text("status", nullable=False, server_default="requested"),
    _text("message"),
    _one_of("status", ("requested", "running", "done", "failed", "cancelled")),
    schema="ops",
)
