"""The demo company's configuration: what an admin would have typed in before the first event came.

In: a connection and the period. Out: rows in `config.*`, by upsert: running it again changes nothing.
Configuration is data and no webhook, so this is the one thing of the demo that does not go through the front door.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert

from core import tables
from ingestion.demo.company import (
    DELIVERY_STREAMS,
    FIELD_MAPPINGS,
    ONBOARDING,
    PAYMENTS,
    PROJECTS,
    REPOSITORIES,
    TECH_STREAMS,
    stable_id,
)
from ingestion.demo.period import Period
from ingestion.demo.worktime import day_of

Row = dict[str, Any]


def configure_company(connection: Connection, period: Period) -> None:
    """Write streams, repositories, projects, mappings, sprints, holidays and annotations; the caller commits."""
    _upsert(connection, tables.delivery_streams, _delivery_streams(), "stream_id")
    _upsert(connection, tables.tech_streams, _tech_streams(), "stream_id")
    _upsert(connection, tables.repositories, _repositories(), "repo_id")
    _upsert(connection, tables.jira_projects, _projects(), "jira_project_key")
    _upsert(connection, tables.status_mappings, _statuses(), "jira_project_key", "jira_status_name")
    fields = [{"internal_field": name, "jira_field_id": field} for name, field in FIELD_MAPPINGS.items()]
    _upsert(connection, tables.field_mappings, fields, "internal_field")
    _upsert(connection, tables.sprints, _sprints(period), "jira_sprint_id")
    holidays = [{"holiday_date": day, "name": name} for day, name in period.holidays.items()]
    _upsert(connection, tables.holidays, holidays, "holiday_date")
    _upsert(connection, tables.metadata.tables["config.annotations"], _annotations(period), "annotation_id")


def _upsert(connection: Connection, table: Table, rows: Sequence[Row], *key: str) -> None:
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed), list(rows))


def _delivery_streams() -> list[Row]:
    return [
        {
            "stream_id": stable_id("delivery", stream.name),
            "name": stream.name,
            "display_name": stream.display_name,
            "description": stream.description,
            "team_size": stream.team_size,
            "is_active": True,
        }
        for stream in DELIVERY_STREAMS
    ]


def _tech_streams() -> list[Row]:
    return [
        {
            "stream_id": stable_id("tech", stream.name),
            "name": stream.name,
            "display_name": stream.display_name,
            "github_org": stream.github_org,
            "github_install_id": str(stream.installation_id),
            "description": stream.description,
            "is_active": True,
        }
        for stream in TECH_STREAMS
    ]


def _repositories() -> list[Row]:
    return [
        {
            "repo_id": stable_id("repository", repository.full_name),
            "tech_stream_id": stable_id("tech", repository.tech_stream.name),
            "github_org": repository.tech_stream.github_org,
            "github_repo_name": repository.name,
            "full_name": repository.full_name,
            "default_branch": "main",
            "is_deployable": repository.is_deployable,
            "deploy_target": repository.deploy_target,
            "is_active": True,
        }
        for repository in REPOSITORIES
    ]


def _projects() -> list[Row]:
    return [
        {
            "jira_project_key": project.key,
            "name": project.name,
            "stream_methods": list(project.stream_methods),
            "delivery_stream_id": stable_id("delivery", project.project_stream) if project.project_stream else None,
            "is_active": True,
        }
        for project in PROJECTS
    ]


def _statuses() -> list[Row]:
    """Every status but the one that nobody has mapped yet; it is the triage list's to show."""
    return [
        {
            "jira_project_key": project.key,
            "jira_status_name": status.name,
            "pipeline_stage": status.stage,
            "is_active_work": status.is_active_work,
            "display_order": order,
        }
        for project in PROJECTS
        for order, status in enumerate(project.workflow.values(), start=1)
        if status.stage is not None
    ]


def _sprints(period: Period) -> list[Row]:
    return [
        {
            "jira_sprint_id": str(sprint.jira_id),
            "delivery_stream_id": stable_id("delivery", sprint.stream),
            "name": sprint.name,
            "start_date": sprint.starts,
            "end_date": sprint.ends,
            "goal": sprint.goal or None,
            "state": sprint.state,
        }
        for sprint in period.sprints
    ]


def _annotations(period: Period) -> list[Row]:
    """What a chart should say at the days on which the story turns."""
    notes = (
        (period.renamed_at, None, "Reporting is now called Insights"),
        (period.reorganised_at, ONBOARDING, "Identity checks move from Onboarding to Platform Experience"),
        (period.qa_shrinks_at, PAYMENTS, "Payments tests with two people instead of three"),
    )
    return [
        {
            "annotation_id": stable_id("annotation", text),
            "annotated_on": day_of(at),
            "delivery_stream_id": stable_id("delivery", stream) if stream else None,
            "text": text,
        }
        for at, stream, text in notes
    ]
