"""The hand-made tables, their schemas, the landing partitions and the database roles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


SCHEMAS = ("config", "auth", "landing", "raw_jira", "raw_git", "forecast")
DERIVED_SCHEMAS = ("staging", "events", "cycles", "metrics", "quality")

# Partitions are made by the sink as months come; the default one is the net below it.
ENSURE_PARTITIONS = """
create function landing.ensure_partitions(first_month date, months integer) returns void
language plpgsql as $$
declare
    month_start date;
begin
    for step in 0 .. months - 1 loop
        month_start := (date_trunc('month', first_month) + make_interval(months => step))::date;
        execute format(
            'create table if not exists landing.raw_events_%s partition of landing.raw_events '
            'for values from (%L) to (%L)',
            to_char(month_start, 'YYYY_MM'),
            month_start::timestamp at time zone 'UTC',
            (month_start + interval '1 month')::timestamp at time zone 'UTC'
        );
    end loop;
end $$
"""

# Roles belong to the whole server, so they may exist; a user who may not make them goes without.
CREATE_ROLES = """
do $$
declare
    role_name text;
begin
    foreach role_name in array array['dpp_service', 'dpp_app', 'dpp_analyst'] loop
        begin
            if not exists (select from pg_roles where rolname = role_name) then
                execute format('create role %I nologin', role_name);
            end if;
        exception
            when insufficient_privilege then
                raise notice 'role % is missing and this user may not create it', role_name;
            when duplicate_object then
                null;
        end;
    end loop;
end $$
"""

GRANT_ROLES = """
do $$
declare
    schema_name text;
begin
    if exists (select from pg_roles where rolname = 'dpp_analyst') then
        foreach schema_name in array array['cycles', 'metrics', 'forecast'] loop
            execute format('grant usage on schema %I to dpp_analyst, dpp_app', schema_name);
            execute format('grant select on all tables in schema %I to dpp_analyst, dpp_app', schema_name);
            execute format(
                'alter default privileges in schema %I grant select on tables to dpp_analyst, dpp_app', schema_name
            );
        end loop;
        grant usage on schema config, auth, ops, quality to dpp_app;
        grant select, insert, update, delete on all tables in schema config, auth to dpp_app;
        -- Append-only for the application: what happened is not rewritten.
        grant select, insert on all tables in schema ops to dpp_app;
        alter default privileges in schema quality grant select on tables to dpp_app;
        foreach schema_name in array array[
            'config', 'auth', 'landing', 'raw_jira', 'raw_git', 'staging', 'events', 'cycles', 'metrics', 'quality',
            'forecast', 'ops'
        ] loop
            execute format('grant all on schema %I to dpp_service', schema_name);
            execute format('grant all on all tables in schema %I to dpp_service', schema_name);
            execute format('grant all on all sequences in schema %I to dpp_service', schema_name);
            execute format('alter default privileges in schema %I grant all on tables to dpp_service', schema_name);
        end loop;
    end if;
end $$
"""


def upgrade() -> None:
    for name in (*SCHEMAS, *DERIVED_SCHEMAS):
        op.execute(f"create schema if not exists {name}")
    op.execute("create sequence landing.landing_id")
    op.create_table(
        "users",
        sa.Column("user_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("failed_sign_ins", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        schema="auth",
    )
    op.create_table(
        "bots",
        sa.Column("person_hash", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("person_hash", name=op.f("pk_bots")),
        schema="config",
    )
    op.create_table(
        "delivery_streams",
        sa.Column("stream_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("team_size", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_delivery_streams")),
        sa.UniqueConstraint("name", name=op.f("uq_delivery_streams_name")),
        schema="config",
    )
    op.create_table(
        "field_mappings",
        sa.Column("internal_field", sa.Text(), nullable=False),
        sa.Column("jira_field_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("internal_field", name=op.f("pk_field_mappings")),
        schema="config",
    )
    op.create_table(
        "holidays",
        sa.Column("holiday_date", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("holiday_date", name=op.f("pk_holidays")),
        schema="config",
    )
    op.create_table(
        "manual_links",
        sa.Column("repo_full_name", sa.Text(), nullable=False),
        sa.Column("pr_number", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("repo_full_name", "pr_number", name=op.f("pk_manual_links")),
        schema="config",
    )
    op.create_table(
        "status_mappings",
        sa.Column("mapping_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("jira_project_key", sa.Text(), nullable=False),
        sa.Column("jira_status_name", sa.Text(), nullable=False),
        sa.Column("pipeline_stage", sa.Text(), nullable=False),
        sa.Column("is_active_work", sa.Boolean(), nullable=False),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "pipeline_stage in ('backlog', 'ba', 'dev', 'code_review', 'qa', 'uat', 'done', 'cancelled')",
            name=op.f("ck_status_mappings_pipeline_stage"),
        ),
        sa.PrimaryKeyConstraint("mapping_id", name=op.f("pk_status_mappings")),
        sa.UniqueConstraint(
            "jira_project_key", "jira_status_name", name=op.f("uq_status_mappings_jira_project_key_jira_status_name")
        ),
        schema="config",
    )
    op.create_table(
        "tech_streams",
        sa.Column("stream_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("github_org", sa.Text(), nullable=False),
        sa.Column("github_install_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("lead_time_method", sa.Text(), server_default="pull_request", nullable=False),
        sa.Column("ticket_pattern", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "lead_time_method in ('pull_request', 'first_commit')", name=op.f("ck_tech_streams_lead_time_method")
        ),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_tech_streams")),
        sa.UniqueConstraint("github_org", name=op.f("uq_tech_streams_github_org")),
        sa.UniqueConstraint("name", name=op.f("uq_tech_streams_name")),
        schema="config",
    )
    op.create_table(
        "thresholds",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_thresholds")),
        schema="config",
    )
    op.create_table(
        "forecast_snapshots",
        sa.Column("forecast_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("delivery_stream_id", sa.UUID(), nullable=False),
        sa.Column("forecast_date", sa.Date(), nullable=False),
        sa.Column("scope_item_count", sa.Integer(), nullable=False),
        sa.Column("throughput_samples", sa.Integer(), nullable=False),
        sa.Column("simulation_runs", sa.Integer(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("p50_completion_date", sa.Date(), nullable=True),
        sa.Column("p70_completion_date", sa.Date(), nullable=True),
        sa.Column("p85_completion_date", sa.Date(), nullable=True),
        sa.Column("p95_completion_date", sa.Date(), nullable=True),
        sa.Column("distribution_data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("method in ('monte_carlo', 'linear', 'none')", name=op.f("ck_forecast_snapshots_method")),
        sa.PrimaryKeyConstraint("forecast_id", name=op.f("pk_forecast_snapshots")),
        sa.UniqueConstraint(
            "delivery_stream_id", "forecast_date", name=op.f("uq_forecast_snapshots_delivery_stream_id_forecast_date")
        ),
        schema="forecast",
    )
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("landing_id", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("dead_letter_id", name=op.f("pk_dead_letters")),
        schema="landing",
    )
    op.create_index(op.f("ix_dead_letters_landing_id"), "dead_letters", ["landing_id"], unique=False, schema="landing")
    op.create_table(
        "deliveries",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("landing_id", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "delivery_id", name=op.f("pk_deliveries")),
        schema="landing",
    )
    op.create_table(
        "raw_events",
        sa.Column(
            "landing_id",
            sa.BigInteger(),
            server_default=sa.text("nextval('landing.landing_id')"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("landing_id", "received_at", name=op.f("pk_raw_events")),
        schema="landing",
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index(
        "ix_raw_events_source_event_name_landing_id",
        "raw_events",
        ["source", "event_name", "landing_id"],
        unique=False,
        schema="landing",
    )
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("severity in ('critical', 'high', 'medium', 'low')", name=op.f("ck_alerts_severity")),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
        schema="ops",
    )
    op.create_table(
        "audit_log",
        sa.Column("audit_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_log")),
        schema="ops",
    )
    op.create_table(
        "backfill_requests",
        sa.Column("request_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="requested", nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status in ('requested', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_backfill_requests_status"),
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_backfill_requests")),
        schema="ops",
    )
    op.create_table(
        "calculation_timings",
        sa.Column("timing_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("calculation", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_seconds", sa.Numeric(), nullable=False),
        sa.Column("rows_written", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("timing_id", name=op.f("pk_calculation_timings")),
        schema="ops",
    )
    op.create_table(
        "fetch_operations",
        sa.Column("operation_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rows_fetched", sa.BigInteger(), nullable=True),
        sa.Column("configuration_hash", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.CheckConstraint("status in ('running', 'success', 'failure')", name=op.f("ck_fetch_operations_status")),
        sa.PrimaryKeyConstraint("operation_id", name=op.f("pk_fetch_operations")),
        schema="ops",
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("stream_scope", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_by", sa.UUID(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["auth.users.user_id"], name=op.f("fk_api_keys_created_by")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
        schema="auth",
    )
    op.create_table(
        "group_role_mappings",
        sa.Column("mapping_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("group_pattern", sa.Text(), nullable=False),
        sa.Column("is_regex", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("delivery_stream_id", sa.UUID(), nullable=True),
        sa.Column("tech_stream_id", sa.UUID(), nullable=True),
        sa.CheckConstraint(
            "role in ('viewer', 'team_member', 'stream_lead', 'platform_admin')",
            name=op.f("ck_group_role_mappings_role"),
        ),
        sa.ForeignKeyConstraint(
            ["delivery_stream_id"],
            ["config.delivery_streams.stream_id"],
            name=op.f("fk_group_role_mappings_delivery_stream_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tech_stream_id"], ["config.tech_streams.stream_id"], name=op.f("fk_group_role_mappings_tech_stream_id")
        ),
        sa.PrimaryKeyConstraint("mapping_id", name=op.f("pk_group_role_mappings")),
        schema="auth",
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("auth_method", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_revoked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("auth_method in ('oidc', 'database')", name=op.f("ck_sessions_auth_method")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["auth.users.user_id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
        schema="auth",
    )
    op.create_table(
        "user_roles",
        sa.Column("user_role_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("delivery_stream_id", sa.UUID(), nullable=True),
        sa.Column("tech_stream_id", sa.UUID(), nullable=True),
        sa.Column("granted_by", sa.UUID(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "role in ('viewer', 'team_member', 'stream_lead', 'platform_admin')", name=op.f("ck_user_roles_role")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_stream_id"], ["config.delivery_streams.stream_id"], name=op.f("fk_user_roles_delivery_stream_id")
        ),
        sa.ForeignKeyConstraint(["granted_by"], ["auth.users.user_id"], name=op.f("fk_user_roles_granted_by")),
        sa.ForeignKeyConstraint(
            ["tech_stream_id"], ["config.tech_streams.stream_id"], name=op.f("fk_user_roles_tech_stream_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["auth.users.user_id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_role_id", name=op.f("pk_user_roles")),
        sa.UniqueConstraint(
            "user_id",
            "role",
            "delivery_stream_id",
            "tech_stream_id",
            name=op.f("uq_user_roles_user_id_role_delivery_stream_id_tech_stream_id"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="auth",
    )
    op.create_table(
        "annotations",
        sa.Column("annotation_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("annotated_on", sa.Date(), nullable=False),
        sa.Column("delivery_stream_id", sa.UUID(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_stream_id"],
            ["config.delivery_streams.stream_id"],
            name=op.f("fk_annotations_delivery_stream_id"),
        ),
        sa.PrimaryKeyConstraint("annotation_id", name=op.f("pk_annotations")),
        schema="config",
    )
    op.create_table(
        "jira_projects",
        sa.Column("jira_project_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column(
            "stream_methods",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("array['field', 'project', 'label', 'component']"),
            nullable=False,
        ),
        sa.Column("delivery_stream_id", sa.UUID(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_stream_id"],
            ["config.delivery_streams.stream_id"],
            name=op.f("fk_jira_projects_delivery_stream_id"),
        ),
        sa.PrimaryKeyConstraint("jira_project_key", name=op.f("pk_jira_projects")),
        schema="config",
    )
    op.create_table(
        "repositories",
        sa.Column("repo_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("tech_stream_id", sa.UUID(), nullable=False),
        sa.Column("github_org", sa.Text(), nullable=False),
        sa.Column("github_repo_name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("default_branch", sa.Text(), server_default="main", nullable=False),
        sa.Column("is_deployable", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("deploy_target", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tech_stream_id"], ["config.tech_streams.stream_id"], name=op.f("fk_repositories_tech_stream_id")
        ),
        sa.PrimaryKeyConstraint("repo_id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("github_org", "github_repo_name", name=op.f("uq_repositories_github_org_github_repo_name")),
        schema="config",
    )
    op.create_table(
        "sprints",
        sa.Column("sprint_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("jira_sprint_id", sa.Text(), nullable=False),
        sa.Column("delivery_stream_id", sa.UUID(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("goal", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('future', 'active', 'closed')", name=op.f("ck_sprints_state")),
        sa.ForeignKeyConstraint(
            ["delivery_stream_id"], ["config.delivery_streams.stream_id"], name=op.f("fk_sprints_delivery_stream_id")
        ),
        sa.PrimaryKeyConstraint("sprint_id", name=op.f("pk_sprints")),
        sa.UniqueConstraint("jira_sprint_id", name=op.f("uq_sprints_jira_sprint_id")),
        schema="config",
    )
    op.execute("create table landing.raw_events_default partition of landing.raw_events default")
    op.execute(ENSURE_PARTITIONS)
    op.execute("select landing.ensure_partitions(current_date, 2)")
    op.execute(CREATE_ROLES)
    op.execute(GRANT_ROLES)


def downgrade() -> None:
    op.execute("drop function landing.ensure_partitions(date, integer)")
    op.drop_table("sprints", schema="config")
    op.drop_table("repositories", schema="config")
    op.drop_table("jira_projects", schema="config")
    op.drop_table("annotations", schema="config")
    op.drop_table("user_roles", schema="auth")
    op.drop_table("sessions", schema="auth")
    op.drop_table("group_role_mappings", schema="auth")
    op.drop_table("api_keys", schema="auth")
    op.drop_table("fetch_operations", schema="ops")
    op.drop_table("calculation_timings", schema="ops")
    op.drop_table("backfill_requests", schema="ops")
    op.drop_table("audit_log", schema="ops")
    op.drop_table("alerts", schema="ops")
    op.drop_index("ix_raw_events_source_event_name_landing_id", table_name="raw_events", schema="landing")
    op.drop_table("raw_events", schema="landing")
    op.drop_table("deliveries", schema="landing")
    op.drop_index(op.f("ix_dead_letters_landing_id"), table_name="dead_letters", schema="landing")
    op.drop_table("dead_letters", schema="landing")
    op.drop_table("forecast_snapshots", schema="forecast")
    op.drop_table("thresholds", schema="config")
    op.drop_table("tech_streams", schema="config")
    op.drop_table("status_mappings", schema="config")
    op.drop_table("manual_links", schema="config")
    op.drop_table("holidays", schema="config")
    op.drop_table("field_mappings", schema="config")
    op.drop_table("delivery_streams", schema="config")
    op.drop_table("bots", schema="config")
    op.drop_table("users", schema="auth")
    op.execute("drop sequence landing.landing_id")
