"""Organisations and teams, the rules of a bottleneck's severity, sprint confidence and how well forecasts did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# 004 §6.7's defaults: impacted streams from, to, confidence from, below, severity.
SEVERITIES = (
    (0, 0, None, None, "none"),
    (1, 1, 70, None, "low"),
    (1, 1, None, 70, "medium"),
    (2, None, 70, None, "medium"),
    (2, None, None, 70, "high"),
    (3, None, None, 60, "critical"),
)

GRANT_ROLES = """
do $$
begin
    if exists (select from pg_roles where rolname = 'dpp_service') then
        grant all on all tables in schema config, forecast to dpp_service;
    end if;
    if exists (select from pg_roles where rolname = 'dpp_app') then
        grant select, insert, update, delete on all tables in schema config to dpp_app;
        grant select on all tables in schema forecast to dpp_app;
    end if;
    if exists (select from pg_roles where rolname = 'dpp_analyst') then
        grant select on all tables in schema forecast to dpp_analyst;
    end if;
end $$
"""


def upgrade() -> None:
    _organisations()
    _severities()
    _forecasts()
    op.execute(GRANT_ROLES)


def downgrade() -> None:
    op.drop_table("forecast_calibrations", schema="forecast")
    op.drop_table("sprint_confidence", schema="forecast")
    for name in ("bottleneck_severities", "team_repositories", "teams", "organisation_accounts", "organisations"):
        op.drop_table(name, schema="config")


def _identifier(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def _instant(name: str, *, default: bool = True) -> sa.Column[object]:
    made = sa.func.now() if default else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=made, nullable=False)


def _organisations() -> None:
    op.create_table(
        "organisations",
        _identifier("organisation_id"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_organisations")),
        sa.UniqueConstraint("slug", name=op.f("uq_organisations_slug")),
        schema="config",
    )
    op.create_table(
        "organisation_accounts",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account_name", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "provider in ('github', 'gitlab', 'bitbucket')", name=op.f("ck_organisation_accounts_provider")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["config.organisations.organisation_id"],
            name=op.f("fk_organisation_accounts_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("provider", "account_name", name=op.f("pk_organisation_accounts")),
        schema="config",
    )
    op.create_table(
        "teams",
        _identifier("team_id"),
        sa.Column("organisation_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        _instant("created_at"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["config.organisations.organisation_id"], name=op.f("fk_teams_organisation_id")
        ),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_teams")),
        sa.UniqueConstraint("organisation_id", "slug", name=op.f("uq_teams_organisation_id_slug")),
        schema="config",
    )
    op.create_table(
        "team_repositories",
        sa.Column("team_id", sa.UUID(), nullable=False),
        sa.Column("repo_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["config.teams.team_id"], name=op.f("fk_team_repositories_team_id")),
        sa.ForeignKeyConstraint(
            ["repo_id"], ["config.repositories.repo_id"], name=op.f("fk_team_repositories_repo_id")
        ),
        sa.PrimaryKeyConstraint("team_id", "repo_id", name=op.f("pk_team_repositories")),
        schema="config",
    )


def _severities() -> None:
    rules = op.create_table(
        "bottleneck_severities",
        _identifier("rule_id"),
        sa.Column("impacted_from", sa.Integer(), nullable=False),
        sa.Column("impacted_to", sa.Integer()),
        sa.Column("confidence_from_pct", sa.Numeric()),
        sa.Column("confidence_below_pct", sa.Numeric()),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "severity in ('none', 'low', 'medium', 'high', 'critical')",
            name=op.f("ck_bottleneck_severities_severity"),
        ),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_bottleneck_severities")),
        schema="config",
    )
    names = ("impacted_from", "impacted_to", "confidence_from_pct", "confidence_below_pct", "severity")
    op.bulk_insert(rules, [dict(zip(names, rule, strict=True)) for rule in SEVERITIES])


def _forecasts() -> None:
    op.create_table(
        "sprint_confidence",
        _identifier("confidence_id"),
        sa.Column("sprint_id", sa.UUID(), nullable=False),
        sa.Column("delivery_stream_id", sa.UUID(), nullable=False),
        _instant("computed_at", default=False),
        sa.Column("computed_on", sa.Date(), nullable=False),
        sa.Column("remaining_count", sa.Integer(), nullable=False),
        sa.Column("working_days_left", sa.Integer()),
        sa.Column("sampled_days", sa.Integer(), nullable=False),
        sa.Column("simulation_runs", sa.Integer(), nullable=False),
        sa.Column("confidence_pct", sa.Numeric()),
        sa.Column("exact_confidence_pct", sa.Numeric()),
        sa.Column("error_state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.CheckConstraint(
            "error_state in ('success', 'missing_mapping', 'no_data', 'calculation_error')",
            name=op.f("ck_sprint_confidence_error_state"),
        ),
        sa.PrimaryKeyConstraint("confidence_id", name=op.f("pk_sprint_confidence")),
        sa.UniqueConstraint("sprint_id", "computed_at", name=op.f("uq_sprint_confidence_sprint_id_computed_at")),
        schema="forecast",
    )
    op.create_table(
        "forecast_calibrations",
        _identifier("calibration_id"),
        sa.Column("delivery_stream_id", sa.UUID(), nullable=False),
        sa.Column("forecast_date", sa.Date(), nullable=False),
        sa.Column("percentile", sa.Integer(), nullable=False),
        sa.Column("scope_weeks", sa.Integer(), nullable=False),
        sa.Column("forecast_count", sa.Integer(), nullable=False),
        sa.Column("hit_count", sa.Integer(), nullable=False),
        sa.Column("hit_rate_pct", sa.Numeric()),
        sa.Column("expected_rate_pct", sa.Numeric()),
        sa.Column("is_stable", sa.Boolean()),
        sa.Column("note", sa.Text()),
        _instant("computed_at"),
        sa.PrimaryKeyConstraint("calibration_id", name=op.f("pk_forecast_calibrations")),
        sa.UniqueConstraint(
            "delivery_stream_id",
            "forecast_date",
            "percentile",
            name=op.f("uq_forecast_calibrations_delivery_stream_id_forecast_date_percentile"),
        ),
        schema="forecast",
    )
