"""The fields that the Jira site has, with our types: 000 §4's mapping from Jira's own schema.

In: `raw_jira.fields`, which the Jira source fills. Out: `SiteField` objects. A field is known by its id and its schema,
never by its number alone: customfield_10021 is the sprint on one site and the flag on another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from ingestion.sources.jira.fields.catalogue import TYPE_WORDS, FieldType

# Jira's own ids of fields that every site has (000 §1 lets a mapping name them, such as created or resolutiondate).
STANDARD_FIELDS = frozenset(
    {
        "aggregatetimespent", "components", "created", "duedate", "environment", "fixVersions", "issuetype", "labels",
        "lastViewed", "priority", "project", "resolution", "resolutiondate", "security", "status",
        "statuscategorychangedate", "statusCategory", "summary", "timeestimate", "timeoriginalestimate", "timespent",
        "updated", "versions", "workratio",
    }
)  # fmt: skip
_CUSTOM_FIELD = re.compile(r"customfield_\d+")

_SIMPLE_TYPES: dict[str, FieldType] = {
    "datetime": "datetime",
    "date": "date",
    "number": "number",
    "string": "text",
    "option": "select",
    "option-with-child": "select",
    "checkbox": "checkbox",
    "user": "person",
    # One of a list, told by its name.
    "issuetype": "select",
    "priority": "select",
    "project": "select",
    "resolution": "select",
    "status": "select",
    "version": "select",
}
_TYPES_OF_LISTS: dict[str, FieldType] = {
    "option": "multiselect",
    "string": "multiselect",
    "component": "multiselect",
    "version": "multiselect",
    "user": "person",
}
# The kind of a custom field tells more than its type: a sprint is an array of json, of strings on old servers.
_TYPES_OF_KINDS: dict[str, FieldType] = {"gh-sprint": "sprint", "multicheckboxes": "checkbox"}


class FieldsNotFetched(ValueError):
    """No field of the site is known yet; the message says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "No field of the Jira site is known yet: set DPP_JIRA_URL and pull it once, with "
            "`python -m ingestion.sources.jira`"
        )


@dataclass(frozen=True)
class SiteField:
    """One field of the Jira site (000 §4)."""

    field_id: str
    name: str
    field_type: FieldType
    is_custom: bool
    schema: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The last word of a custom field's kind, such as `gh-sprint`; empty for standard fields."""
        return str(self.schema.get("custom") or "").rpartition(":")[2]

    def __str__(self) -> str:
        return f"{self.field_id} ({self.name}), {TYPE_WORDS[self.field_type]}"


def type_of(schema: Mapping[str, Any] | None) -> FieldType:
    """Our type of a field by the schema that Jira gives; `other` for what none of our fields can read."""
    if not schema:
        return "other"
    kind = str(schema.get("custom") or "").rpartition(":")[2]
    if kind in _TYPES_OF_KINDS:
        return _TYPES_OF_KINDS[kind]
    if schema.get("type") == "array":
        return _TYPES_OF_LISTS.get(str(schema.get("items")), "other")
    return _SIMPLE_TYPES.get(str(schema.get("type")), "other")


def may_be_mapped(field_id: str) -> bool:
    """000 §1: a custom field's id or a standard field."""
    return _CUSTOM_FIELD.fullmatch(field_id) is not None or field_id in STANDARD_FIELDS


def fields_of_the_site(connection: Connection) -> list[SiteField]:
    """Every field that the site had when it was last asked, by name; empty where it was never asked.

    The Jira source takes out of the table what vanished from the site.
    """
    rows = connection.execute(text("select id, name, is_custom, schema from raw_jira.fields order by name, id"))
    return [SiteField(row.id, row.name, type_of(row.schema), row.is_custom, row.schema or {}) for row in rows]
