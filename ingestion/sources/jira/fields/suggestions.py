"""Mappings that a person may want: by the kind that Jira gives a field, else by its name.

In: the site's fields and what is mapped already. Out: suggestions with a confidence and a reason. None is ever
applied by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection

from ingestion.sources.jira.fields.catalogue import INTERNAL_FIELDS, InternalField
from ingestion.sources.jira.fields.mappings import current_mappings
from ingestion.sources.jira.fields.site import FieldsNotFetched, SiteField, fields_of_the_site, may_be_mapped

Confidence = Literal["high", "medium", "low"]
CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")

# The kind of a custom field that is made for one purpose only.
_KINDS: dict[str, str] = {
    "gh-sprint": "sprint",
    "jsw-story-points": "story_points",
}

# Names that teams give to such fields, beside our own name for each.
_NAMES: dict[str, tuple[str, ...]] = {
    "deployment_date": ("deployed at", "deployed on", "date of deployment", "release date"),
    "target_environment": ("environment", "deployment environment", "deployed to"),
    "code_commit_date": ("commit date", "first commit", "first commit date", "committed at"),
    "deployed_to_production_date": ("production date", "production deployment date", "go live date", "live since"),
    "incident_detected_at": ("incident start", "incident started", "detected at", "outage start", "start of incident"),
    "incident_resolved_at": ("incident end", "incident ended", "restored at", "service restored", "end of incident"),
    "deployment_successful": ("deployment status", "deployment result", "deployment success", "deployment outcome"),
    "production_impact": ("impact", "business impact", "customer impact", "impact on production"),
    "flow_item_type": ("work type", "flow item", "work category"),
    "work_started_date": ("work started", "started at", "actual start"),
    "work_completed_date": ("work completed", "completed at", "actual end"),
    "status_entry_timestamp": ("entered status at", "status since", "time of last status change"),
    "active_work_hours": ("active hours", "hours worked", "effort hours"),
    "flow_time_days": ("flow time", "cycle time days"),
    "delivery_stream": ("stream", "value stream", "delivery team"),
    "tech_streams": ("tech stream", "technology stream", "technology streams", "technologies"),
    "story_points": ("story point estimate", "story point", "estimate points"),
    "flagged": ("flag", "impediment", "blocked"),
    "found_in_stage": ("found in", "stage found", "detected in stage"),
    "introduced_in_stage": ("introduced in", "stage introduced", "origin stage"),
    "blocking_tech_stream": ("blocking technology", "blocked by technology", "blocking stream"),
    "severity": ("defect severity", "bug severity"),
    "root_cause_category": ("root cause", "cause category", "defect cause"),
}

# Standard fields that come near, where nobody made a field for it.
_STANDARD: dict[str, tuple[str, str]] = {
    "flow_item_type": ("issuetype", "the issue type is the nearest that every site has"),
    "work_completed_date": ("resolutiondate", "the date of resolution is the nearest that every site has"),
    "status_entry_timestamp": (
        "statuscategorychangedate",
        "Jira keeps when the status category changed, which is coarser than the status",
    ),
}


@dataclass(frozen=True)
class Suggestion:
    """One mapping that a person may accept with `dpp jira map`."""

    internal_field: str
    jira_field_id: str
    jira_field_name: str
    confidence: Confidence
    reason: str


def suggest_mappings(connection: Connection) -> list[Suggestion]:
    """Suggestions for every internal field without a good mapping, the surest first for each.

    Raises `FieldsNotFetched` where the site's fields are not known.
    """
    site = fields_of_the_site(connection)
    if not site:
        raise FieldsNotFetched
    mapped = {mapping.internal_field for mapping in current_mappings(connection) if mapping.problem is None}
    return [
        suggestion
        for field in INTERNAL_FIELDS
        if field.name not in mapped
        for suggestion in suggestions_for(field, site)
    ]


def suggestions_for(wanted: InternalField, site: list[SiteField]) -> list[Suggestion]:
    """Candidates among the site's fields of a fitting type, the surest first; equals are never better than medium."""
    found = []
    for field in site:
        if field.field_type in wanted.types and may_be_mapped(field.field_id):
            judged = _judge(wanted, field)
            if judged is not None:
                found.append(Suggestion(wanted.name, field.field_id, field.name, *judged))
    found.sort(key=lambda suggestion: (CONFIDENCES.index(suggestion.confidence), suggestion.jira_field_id))
    sure = [suggestion for suggestion in found if suggestion.confidence == "high"]
    if len(sure) > 1:
        found = [
            replace(each, confidence="medium", reason=f"{each.reason}, and so do {len(sure) - 1} more") if each in sure
            else each
            for each in found
        ]  # fmt: skip
    return found[:3]


def _judge(wanted: InternalField, field: SiteField) -> tuple[Confidence, str] | None:
    """How well a field of a fitting type answers; None for not at all."""
    if _KINDS.get(field.kind) == wanted.name:
        return "high", f"its kind, {field.kind}, serves nothing else"
    name = _words(field.name)
    if name == _words(wanted.name):
        return "high", "its name says so"
    if name in {_words(other) for other in _NAMES.get(wanted.name, ())}:
        return "medium", f"teams often call it {field.name!r}"
    if wanted.name in _STANDARD and _STANDARD[wanted.name][0] == field.field_id:
        return "low", _STANDARD[wanted.name][1]
    if field.is_custom and set(_words(wanted.name)) <= set(name):
        return "low", "its name contains ours"
    return None


def _words(name: str) -> tuple[str, ...]:
    """A name in lower-case words: `Deployed-to production_date` is three words and one more."""
    return tuple(re.findall(r"\w+", name.lower().replace("_", " ")))
