"""What the sources of several vendors need: their raw schemas, names and numbers of repositories, cursors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMAS = ("raw_github", "raw_gitlab", "raw_bitbucket")

GRANT_ROLES = """
do $$
declare
    schema_name text;
begin
    if exists (select from pg_roles where rolname = 'dpp_service') then
        foreach schema_name in array array['raw_github', 'raw_gitlab', 'raw_bitbucket'] loop
            execute format('grant all on schema %I to dpp_service', schema_name);
            execute format('alter default privileges in schema %I grant all on tables to dpp_service', schema_name);
        end loop;
        grant all on all tables in schema config, ops to dpp_service;
    end if;
    if exists (select from pg_roles where rolname = 'dpp_app') then
        grant select, insert, update, delete on all tables in schema config to dpp_app;
        grant select, insert on all tables in schema ops to dpp_app;
    end if;
end $$
"""


def upgrade() -> None:
    for name in SCHEMAS:
        op.execute(f"create schema if not exists {name}")
    for column in ("jira_field_name", "jira_field_type", "problem"):
        op.add_column("field_mappings", sa.Column(column, sa.Text()), schema="config")
    op.add_column("field_mappings", sa.Column("checked_at", sa.DateTime(timezone=True)), schema="config")
    op.add_column(
        "repositories", sa.Column("provider", sa.Text(), server_default="github", nullable=False), schema="config"
    )
    op.add_column("repositories", sa.Column("provider_id", sa.Text()), schema="config")
    op.create_check_constraint(
        op.f("ck_repositories_provider"),
        "repositories",
        "provider in ('github', 'gitlab', 'bitbucket')",
        schema="config",
    )
    op.add_column("manual_links", sa.Column("linked_by", sa.Text()), schema="config")
    op.create_table(
        "repository_aliases",
        sa.Column("former_full_name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("known_since", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("former_full_name", name=op.f("pk_repository_aliases")),
        schema="config",
    )
    op.create_table(
        "github_installations",
        sa.Column("installation_id", sa.Text(), nullable=False),
        sa.Column("account_login", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("state in ('active', 'suspended', 'removed')", name=op.f("ck_github_installations_state")),
        sa.PrimaryKeyConstraint("installation_id", name=op.f("pk_github_installations")),
        schema="config",
    )
    _fetch_operations()
    op.create_table(
        "fetch_cursors",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("configuration_hash", sa.Text(), nullable=False),
        sa.Column("cursor", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("source", "scope", name=op.f("pk_fetch_cursors")),
        schema="ops",
    )
    op.execute(GRANT_ROLES)


def _fetch_operations() -> None:
    for column in ("query", "progress"):
        op.add_column("fetch_operations", sa.Column(column, sa.Text()), schema="ops")
    for column in ("api_calls", "rate_limit_delays"):
        op.add_column(
            "fetch_operations", sa.Column(column, sa.Integer(), server_default="0", nullable=False), schema="ops"
        )
    op.add_column("fetch_operations", sa.Column("rate_limit_remaining", sa.Integer()), schema="ops")
    op.add_column(
        "fetch_operations",
        sa.Column("cache_hit", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="ops",
    )
    op.add_column(
        "fetch_operations",
        sa.Column(
            "duration_seconds",
            sa.Numeric(),
            sa.Computed("extract(epoch from finished_at - started_at)", persisted=True),
        ),
        schema="ops",
    )
    op.drop_constraint(op.f("ck_fetch_operations_status"), "fetch_operations", schema="ops")
    op.create_check_constraint(
        op.f("ck_fetch_operations_status"),
        "fetch_operations",
        "status in ('running', 'success', 'failure', 'deferred')",
        schema="ops",
    )
    op.create_check_constraint(
        op.f("ck_fetch_operations_cache_hit"), "fetch_operations", "not cache_hit or api_calls = 0", schema="ops"
    )


def downgrade() -> None:
    op.drop_table("fetch_cursors", schema="ops")
    op.drop_constraint(op.f("ck_fetch_operations_cache_hit"), "fetch_operations", schema="ops")
    op.execute("delete from ops.fetch_operations where status = 'deferred'")
    op.drop_constraint(op.f("ck_fetch_operations_status"), "fetch_operations", schema="ops")
    op.create_check_constraint(
        op.f("ck_fetch_operations_status"),
        "fetch_operations",
        "status in ('running', 'success', 'failure')",
        schema="ops",
    )
    for column in (
        "duration_seconds",
        "cache_hit",
        "rate_limit_remaining",
        "rate_limit_delays",
        "api_calls",
        "progress",
        "query",
    ):
        op.drop_column("fetch_operations", column, schema="ops")
    op.drop_table("github_installations", schema="config")
    op.drop_table("repository_aliases", schema="config")
    op.drop_column("manual_links", "linked_by", schema="config")
    op.drop_constraint(op.f("ck_repositories_provider"), "repositories", schema="config")
    op.drop_column("repositories", "provider_id", schema="config")
    op.drop_column("repositories", "provider", schema="config")
    for column in ("checked_at", "problem", "jira_field_type", "jira_field_name"):
        op.drop_column("field_mappings", column, schema="config")
    for name in SCHEMAS:
        op.execute(f"drop schema {name} cascade")
