"""The schema `raw_jira`: what a Jira site tells over its REST API."""

from __future__ import annotations

from ingestion.sources.tables.shape import Column, RawTable

JIRA_ISSUES = RawTable(
    dataset="raw_jira",
    name="issues",
    key=("id",),
    columns={
        "id": Column("text", "Jira's own number of the issue; stays when the issue moves to another project.", False),
        "key": Column("text", "The issue's key, such as PAY-12, at the time of the fetch.", False),
        "updated_at": Column("timestamp", "Last change of the issue in Jira; the cursor of the next fetch.", False),
        "fields": Column("json", "The vendor's `fields` object, with people as pseudonyms.", False),
        "changelog": Column("json", "The vendor's list of histories; null where it was not asked for."),
    },
)

JIRA_TOMBSTONES = RawTable(
    dataset="raw_jira",
    name="tombstones",
    key=("id",),
    columns={
        "id": Column("text", "Jira's own number of an issue that was pulled or heard of before.", False),
        "key": Column("text", "The key under which it was last known.", False),
        "state": Column("text", "`deleted`, `out_of_scope` (it left the query) or `present` (it is back).", False),
        "observed_at": Column("timestamp", "When the reconciliation looked.", False),
    },
)

JIRA_FIELDS = RawTable(
    dataset="raw_jira",
    name="fields",
    key=("id",),
    columns={
        "id": Column("text", "The field's id, such as customfield_10020.", False),
        "name": Column("text", "The name people see.", False),
        "is_custom": Column("bool", "Whether the site made it.", False),
        "schema": Column("json", "Jira's own schema of the field; null for fields without one."),
    },
)

JIRA_STATUSES = RawTable(
    dataset="raw_jira",
    name="statuses",
    key=("project_key", "id"),
    columns={
        "project_key": Column("text", "The project in which the status is used.", False),
        "id": Column("text", "The status's id.", False),
        "name": Column("text", "The name people see, in the account's language.", False),
        "category": Column("text", "Jira's own category: `new`, `indeterminate`, `done` or `undefined`."),
    },
)

JIRA_PROJECTS = RawTable(
    dataset="raw_jira",
    name="projects",
    key=("id",),
    columns={
        "id": Column("text", "The project's id.", False),
        "key": Column("text", "The project's key, such as PAY.", False),
        "name": Column("text", "The name people see.", False),
        "is_archived": Column("bool", "Whether it was archived or put in the bin.", False),
    },
)

JIRA_BOARDS = RawTable(
    dataset="raw_jira",
    name="boards",
    key=("id",),
    columns={
        "id": Column("text", "The board's id.", False),
        "name": Column("text", "The name people see.", False),
        "type": Column("text", "`scrum`, `kanban` or `simple`.", False),
        "project_key": Column("text", "The project it stands in; null where the site does not say."),
    },
)

JIRA_SPRINTS = RawTable(
    dataset="raw_jira",
    name="sprints",
    key=("id",),
    columns={
        "id": Column("text", "The sprint's id.", False),
        "board_id": Column("text", "The board that it was made on."),
        "name": Column("text", "The name people see.", False),
        "state": Column("text", "`future`, `active`, `closed`, or `deleted`: it was there and is no more.", False),
        "goal": Column("text", "Its goal, without names."),
        "starts_at": Column("timestamp", "When it starts or started; null for a future sprint without dates."),
        "ends_at": Column("timestamp", "When it is planned to end."),
        "completed_at": Column("timestamp", "When it was closed; null while it is not."),
    },
)

JIRA_SPRINT_ISSUES = RawTable(
    dataset="raw_jira",
    name="sprint_issues",
    key=("sprint_id", "issue_id"),
    columns={
        "sprint_id": Column("text", "The sprint.", False),
        "issue_id": Column("text", "Jira's own number of the issue.", False),
        "issue_key": Column("text", "The issue's key at the time of the look.", False),
        "is_member": Column("bool", "Whether the issue was in the sprint; false after it has left.", False),
        "observed_at": Column("timestamp", "When the sprint was looked at.", False),
    },
)

JIRA_TABLES = (
    JIRA_ISSUES,
    JIRA_TOMBSTONES,
    JIRA_FIELDS,
    JIRA_STATUSES,
    JIRA_PROJECTS,
    JIRA_BOARDS,
    JIRA_SPRINTS,
    JIRA_SPRINT_ISSUES,
)
