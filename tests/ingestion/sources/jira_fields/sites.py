"""Fields and statuses of Jira sites as the vendor gives them, and ways to store them as the Jira source does."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, text

KINDS = "com.atlassian.jira.plugin.system.customfieldtypes"
AGILE = "com.pyxis.greenhopper.jira"

# (id, name, schema); the schemas are Jira's own.
Field = tuple[str, str, dict[str, Any] | None]


def custom(number: int, name: str, kind: str, schema_type: str, items: str | None = None) -> Field:
    """A custom field of that kind."""
    schema: dict[str, Any] = {"type": schema_type, "custom": kind, "customId": number}
    return f"customfield_{number}", name, schema | ({"items": items} if items else {})


STANDARD: tuple[Field, ...] = (
    ("issuekey", "Key", None),
    ("summary", "Summary", {"type": "string", "system": "summary"}),
    ("created", "Created", {"type": "datetime", "system": "created"}),
    ("resolutiondate", "Resolved", {"type": "datetime", "system": "resolutiondate"}),
    ("duedate", "Due date", {"type": "date", "system": "duedate"}),
    ("issuetype", "Issue Type", {"type": "issuetype", "system": "issuetype"}),
    ("assignee", "Assignee", {"type": "user", "system": "assignee"}),
    ("labels", "Labels", {"type": "array", "items": "string", "system": "labels"}),
)

# On this site the sprint is 10020 and the flag 10021; on the other one 10021 is the sprint.
SITE: tuple[Field, ...] = (
    *STANDARD,
    custom(10016, "Story point estimate", f"{AGILE}:jsw-story-points", "number"),
    custom(10020, "Sprint", f"{AGILE}:gh-sprint", "array", "json"),
    custom(10021, "Flagged", f"{KINDS}:multicheckboxes", "array", "option"),
    custom(10100, "Deployment Date", f"{KINDS}:datetime", "datetime"),
    custom(10101, "Environment", f"{KINDS}:select", "option"),
    custom(10102, "Code commit date", f"{KINDS}:datetime", "datetime"),
    custom(10103, "Go-live day", f"{KINDS}:datepicker", "date"),
    custom(10104, "Delivery Stream", f"{KINDS}:select", "option"),
    custom(10105, "Tech Streams", f"{KINDS}:multiselect", "array", "option"),
    custom(10106, "Reviewer", f"{KINDS}:userpicker", "user"),
)
OTHER_SITE: tuple[Field, ...] = (
    *STANDARD,
    custom(10021, "Sprint", f"{AGILE}:gh-sprint", "array", "string"),
    custom(10014, "Flagged", f"{KINDS}:multicheckboxes", "array", "option"),
    custom(10004, "Story Points", f"{KINDS}:float", "number"),
)


def fetched(connection: Connection, site: tuple[Field, ...]) -> None:
    """Store the site's fields as the Jira source does: what vanished from the site is gone from the table."""
    connection.execute(text("delete from raw_jira.fields"))
    for field_id, name, schema in site:
        connection.execute(
            text(
                """
                insert into raw_jira.fields (id, name, is_custom, schema, _dlt_load_id, _dlt_id)
                values (:id, :name, :is_custom, cast(:schema as jsonb), '1780000000.1', :id)
                """
            ),
            {
                "id": field_id,
                "name": name,
                "is_custom": field_id.startswith("customfield_"),
                "schema": None if schema is None else json.dumps(schema),
            },
        )


def statuses(connection: Connection, project: str, *named: tuple[str, str | None]) -> None:
    """Store statuses of a project, each with Jira's own category."""
    for place, (name, category) in enumerate(named):
        connection.execute(
            text(
                """
                insert into raw_jira.statuses (project_key, id, name, category, _dlt_load_id, _dlt_id)
                values (:project, :id, :name, :category, '1780000000.1', :row_id)
                """
            ),
            {"project": project, "id": str(place), "name": name, "category": category, "row_id": f"{project}{place}"},
        )
