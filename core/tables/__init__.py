"""Every hand-made table, by schema: what the migrations create and the other packages name.

In: nothing. Out: SQLAlchemy tables. Tables that dbt or dlt make are not here: they belong to their writers.
"""

from core.tables.auth import api_keys, group_role_mappings, pending_sign_ins, sessions, user_roles, users
from core.tables.columns import PIPELINE_STAGES, metadata
from core.tables.config import (
    bots,
    bottleneck_severities,
    delivery_streams,
    field_mappings,
    github_installations,
    holidays,
    jira_projects,
    manual_links,
    notes_on_charts,
    organisation_accounts,
    organisations,
    repositories,
    repository_aliases,
    sprints,
    status_mappings,
    team_repositories,
    teams,
    tech_streams,
    thresholds,
)
from core.tables.forecast import forecast_calibrations, forecast_snapshots, sprint_confidence
from core.tables.landing import dead_letters, deliveries, raw_events
from core.tables.ops import (
    alerts,
    audit_log,
    backfill_requests,
    calculation_timings,
    fetch_cursors,
    fetch_operations,
    mart_state,
)

__all__ = [
    "PIPELINE_STAGES",
    "alerts",
    "api_keys",
    "audit_log",
    "backfill_requests",
    "bots",
    "bottleneck_severities",
    "calculation_timings",
    "dead_letters",
    "deliveries",
    "delivery_streams",
    "fetch_cursors",
    "fetch_operations",
    "field_mappings",
    "forecast_calibrations",
    "forecast_snapshots",
    "github_installations",
    "group_role_mappings",
    "holidays",
    "jira_projects",
    "manual_links",
    "mart_state",
    "metadata",
    "notes_on_charts",
    "organisation_accounts",
    "organisations",
    "pending_sign_ins",
    "raw_events",
    "repositories",
    "repository_aliases",
    "sessions",
    "sprint_confidence",
    "sprints",
    "status_mappings",
    "team_repositories",
    "teams",
    "tech_streams",
    "thresholds",
    "user_roles",
    "users",
]
