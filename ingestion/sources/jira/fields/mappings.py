"""Which Jira field holds which of our fields: set, check, and what is still missing.

In: `config.field_mappings` and the site's fields. Out: rows in `config.field_mappings`, and findings for people.
Nothing is mapped by itself: a person sets each mapping, and one that cannot work is refused with what would.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from core import clock
from core.tables import field_mappings
from ingestion.sources.jira.fields.catalogue import (
    GROUPS,
    INTERNAL_FIELDS,
    STAND_INS,
    TYPE_WORDS,
    Group,
    InternalField,
    internal_field,
    metrics_that_need_fields,
)
from ingestion.sources.jira.fields.site import FieldsNotFetched, SiteField, fields_of_the_site, may_be_mapped


class MappingRefused(ValueError):
    """A mapping that cannot work; the message says why and what is allowed."""


@dataclass(frozen=True)
class Finding:
    """What is known of one mapping. `problem` is None for a good one, `checked_at` None for one never checked."""

    internal_field: str
    jira_field_id: str
    jira_field_name: str | None
    jira_field_type: str | None
    problem: str | None
    checked_at: datetime | None


def check_mappings(connection: Connection) -> list[Finding]:
    """Check every mapping against the site's fields and note the outcome beside it; the caller commits.

    Raises `FieldsNotFetched` where the site's fields are not known: that is no fault of any mapping.
    """
    site = {field.field_id: field for field in fields_of_the_site(connection)}
    if not site:
        raise FieldsNotFetched
    now = clock.now()
    findings = []
    for mapping in current_mappings(connection):
        found = site.get(mapping.jira_field_id)
        finding = Finding(
            mapping.internal_field,
            mapping.jira_field_id,
            found.name if found else mapping.jira_field_name,
            found.field_type if found else mapping.jira_field_type,
            problem_of(mapping.internal_field, mapping.jira_field_id, list(site.values())),
            now,
        )
        connection.execute(
            update(field_mappings)
            .where(field_mappings.c.internal_field == finding.internal_field)
            .values(
                jira_field_name=finding.jira_field_name,
                jira_field_type=finding.jira_field_type,
                problem=finding.problem,
                checked_at=now,
            )
        )
        findings.append(finding)
    return findings


def current_mappings(connection: Connection) -> list[Finding]:
    """Every mapping as it stands, in the catalogue's order, with what the last check said."""
    order = {field.name: place for place, field in enumerate(INTERNAL_FIELDS)}
    rows = [Finding(**row) for row in connection.execute(select(field_mappings)).mappings()]
    return sorted(rows, key=lambda row: (order.get(row.internal_field, len(order)), row.internal_field))


def set_mapping(connection: Connection, internal_field_name: str, jira_field_id: str) -> Finding:
    """Map an internal field to a Jira field, in place of the one before; the caller commits.

    Where the site's fields were never fetched only the form of the id can be judged, and `checked_at` stays None.
    Raises `MappingRefused` for a field that the site lacks or whose type does not fit, `ValueError` for an
    internal field that there is not.
    """
    internal_field(internal_field_name)
    site = fields_of_the_site(connection)
    problem = problem_of(internal_field_name, jira_field_id, site)
    if problem is not None:
        raise MappingRefused(problem)
    found = next((field for field in site if field.field_id == jira_field_id), None)
    finding = Finding(
        internal_field_name,
        jira_field_id,
        found.name if found else None,
        found.field_type if found else None,
        None,
        clock.now() if found else None,
    )
    values = {name: value for name, value in vars(finding).items() if name != "internal_field"}
    connection.execute(
        insert(field_mappings)
        .values(internal_field=internal_field_name, **values)
        .on_conflict_do_update(index_elements=["internal_field"], set_=values)
    )
    return finding


def remove_mapping(connection: Connection, internal_field_name: str) -> None:
    """Take a mapping back; the caller commits. Raises `ValueError` where there is none."""
    gone = connection.execute(delete(field_mappings).where(field_mappings.c.internal_field == internal_field_name))
    if not gone.rowcount:
        raise ValueError(f"{internal_field_name} is not mapped to any Jira field")


def missing_mappings(connection: Connection) -> dict[str, list[str]]:
    """Metric → internal fields that must be mapped before Jira's fields can feed it; metrics that lack none are absent.

    A mapping that the last check found broken counts as missing. Whether another source (CI, monitoring) feeds the
    metric is not asked here.
    """
    mapped = _usable(connection)
    missing = {
        metric: [name for name in names if name not in mapped and STAND_INS.get(name) not in mapped]
        for metric, names in metrics_that_need_fields().items()
    }
    return {metric: names for metric, names in missing.items() if names}


def missing_required(connection: Connection) -> dict[Group, list[str]]:
    """Group → its required fields (000 §6) that are not mapped, for the groups of which any field is mapped at all."""
    mapped = _usable(connection)
    missing: dict[Group, list[str]] = {}
    for group in GROUPS:
        fields = [field for field in INTERNAL_FIELDS if field.group == group]
        names = [field.name for field in fields if field.is_required and field.name not in mapped]
        if names and any(field.name in mapped for field in fields):
            missing[group] = names
    return missing


def problem_of(internal_field_name: str, jira_field_id: str, site: list[SiteField]) -> str | None:
    """Why this mapping cannot work, in one sentence; None where it can. An empty `site` was never asked."""
    try:
        wanted = internal_field(internal_field_name)
    except ValueError as error:
        return str(error)
    if not may_be_mapped(jira_field_id):
        return (
            f"{jira_field_id!r} is no id of a Jira field: {wanted.name} takes one such as customfield_10100, "
            "or a standard field such as created or resolutiondate"
        )
    if not site:
        return None
    found = next((field for field in site if field.field_id == jira_field_id), None)
    if found is None:
        return f"The Jira site has no field {jira_field_id} (any more); {_what_fits(wanted, site)}"
    if found.field_type not in wanted.types:
        return (
            f"{jira_field_id} ({found.name}) is {TYPE_WORDS[found.field_type]}, and {wanted.name} takes "
            f"{wanted.types_in_words}; {_what_fits(wanted, site)}"
        )
    return None


def _what_fits(wanted: InternalField, site: list[SiteField]) -> str:
    """The site's fields that could be mapped; a few, custom ones first, since standard ones fit almost everywhere."""
    fitting = [field for field in site if field.field_type in wanted.types and may_be_mapped(field.field_id)]
    fitting.sort(key=lambda field: (not field.is_custom, field.field_id))
    named = [f"{field.field_id} ({field.name})" for field in fitting]
    if not named:
        return "no field of the site fits"
    shown = ", ".join(named[:3])
    return f"of the site's fields fit {shown}{f' and {len(named) - 3} more' if len(named) > 3 else ''}"


def _usable(connection: Connection) -> set[str]:
    return {mapping.internal_field for mapping in current_mappings(connection) if mapping.problem is None}
