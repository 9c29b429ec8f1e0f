from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, text

from ingestion.demo.company import FIELD_MAPPINGS, PROJECTS, REPOSITORIES, STEPS
from ingestion.demo.configure import configure_company
from ingestion.demo.history import History

TABLES = (
    "delivery_streams",
    "tech_streams",
    "repositories",
    "jira_projects",
    "status_mappings",
    "field_mappings",
    "sprints",
    "holidays",
    "annotations",
)
# When a row was written says nothing about what it says.
VOLATILE = {"created_at", "updated_at", "mapping_id", "sprint_id"}


def _rows(engine: Engine, table: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found: Sequence[Any] = connection.execute(text(f"select * from config.{table}")).mappings().all()
    rows = [{name: value for name, value in row.items() if name not in VOLATILE} for row in found]
    return sorted(rows, key=str)


def test_configuring_twice_is_configuring_once(clean_database: Engine, history: History) -> None:
    with clean_database.begin() as connection:
        configure_company(connection, history.period)
    once = {table: _rows(clean_database, table) for table in TABLES}
    with clean_database.begin() as connection:
        configure_company(connection, history.period)
    assert {table: _rows(clean_database, table) for table in TABLES} == once
    assert all(once.values())


def test_everything_the_history_uses_is_configured(clean_database: Engine, history: History) -> None:
    with clean_database.begin() as connection:
        configure_company(connection, history.period)
    assert {row["full_name"] for row in _rows(clean_database, "repositories")} == {
        each.full_name for each in REPOSITORIES
    }
    assert {row["jira_field_id"] for row in _rows(clean_database, "field_mappings")} == set(FIELD_MAPPINGS.values())
    mapped = {(row["jira_project_key"], row["jira_status_name"]) for row in _rows(clean_database, "status_mappings")}
    used = {(project.key, status.name) for project in PROJECTS for status in project.workflow.values()}
    assert used - mapped == {("INS", "On Hold")}
    stages = {row["pipeline_stage"] for row in _rows(clean_database, "status_mappings")}
    assert stages == {stage for stage, _ in STEPS.values()}
    states = [row["state"] for row in _rows(clean_database, "sprints")]
    assert (states.count("active"), states.count("future")) == (4, 4)
    used_sprints = {sprint for ticket in history.tickets for sprint in ticket.latest("sprint")}
    assert used_sprints <= {int(row["jira_sprint_id"]) for row in _rows(clean_database, "sprints")}
