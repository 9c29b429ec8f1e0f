"""The internal fields: what a Jira field may be mapped to, of which type it must be, and what stands on it.

In: nothing. Out: `INTERNAL_FIELDS` and look-ups in it. The groups `dora` and `flow` and their required fields are
those of specification 000 §1; `platform` holds what the events of 004 are made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Group = Literal["dora", "flow", "platform"]
# 000 §4's types, and those that a Jira site has beside them.
FieldType = Literal[
    "datetime", "date", "number", "text", "select", "multiselect", "checkbox", "sprint", "person", "other"
]

GROUPS: tuple[Group, ...] = get_args(Group)

# What people call a type, for sentences.
TYPE_WORDS: dict[FieldType, str] = {
    "datetime": "a date with a time",
    "date": "a date without a time",
    "number": "a number",
    "text": "a text",
    "select": "a list with one choice",
    "multiselect": "a list with several choices",
    "checkbox": "checkboxes",
    "sprint": "a sprint field",
    "person": "a person",
    "other": "a field of a kind that is not read",
}

_INSTANT: tuple[FieldType, ...] = ("datetime",)
_NUMBER: tuple[FieldType, ...] = ("number",)
# 000 lets a select be an option or an array; teams keep such values as plain texts, too.
_CHOICE: tuple[FieldType, ...] = ("select", "multiselect", "text")
_ANSWER: tuple[FieldType, ...] = ("checkbox", "select", "multiselect", "text")
_CHOICES: tuple[FieldType, ...] = ("multiselect", "checkbox", "select", "text")

_DEPLOYMENTS = ("deployment_frequency", "change_failure_rate", "change_failure_rate_completed")
_LEAD_TIME = ("lead_time_p50", "lead_time_p85")
_RESTORE = ("ttr_median", "ttr_mean")


@dataclass(frozen=True)
class InternalField:
    """One field of ours; `required_for` names metrics that cannot come from Jira's fields without it."""

    group: Group
    name: str
    types: tuple[FieldType, ...]
    description: str
    # 000 §6: the group's metrics are not offered from Jira's fields before these are mapped.
    is_required: bool = False
    required_for: tuple[str, ...] = ()

    @property
    def types_in_words(self) -> str:
        """The accepted types as a phrase: 'a list with one choice or a text'."""
        words = [TYPE_WORDS[name] for name in self.types]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


INTERNAL_FIELDS: tuple[InternalField, ...] = (
    InternalField(
        "dora",
        "deployment_date",
        _INSTANT,
        "When the change was deployed, to the target environment or, where none is named, to production.",
        is_required=True,
        required_for=_DEPLOYMENTS,
    ),
    InternalField("dora", "target_environment", _CHOICE, "Where it was deployed to: production, staging …"),
    InternalField(
        "dora",
        "code_commit_date",
        _INSTANT,
        "When the code of the change was committed; its lead time starts here.",
        is_required=True,
        required_for=_LEAD_TIME,
    ),
    InternalField(
        "dora",
        "deployed_to_production_date",
        _INSTANT,
        "When the change reached production; its lead time ends here.",
        is_required=True,
        required_for=_LEAD_TIME,
    ),
    InternalField(
        "dora",
        "incident_detected_at",
        _INSTANT,
        "When the incident that the ticket is about was noticed.",
        required_for=_RESTORE,
    ),
    InternalField("dora", "incident_resolved_at", _INSTANT, "When that incident was over.", required_for=_RESTORE),
    InternalField(
        "dora", "deployment_successful", _ANSWER, "Whether the deployment went well: yes, no, or rolled back."
    ),
    InternalField(
        "dora", "production_impact", _ANSWER, "How badly production suffered: none, low, medium, high or critical."
    ),
    InternalField(
        "flow",
        "flow_item_type",
        _CHOICE,
        "What kind of work it is: feature, defect, risk or technical debt.",
        is_required=True,
    ),
    InternalField("flow", "work_started_date", _INSTANT, "When somebody began to work on it.", is_required=True),
    InternalField("flow", "work_completed_date", _INSTANT, "When the work was finished.", is_required=True),
    InternalField("flow", "status_entry_timestamp", _INSTANT, "When it entered the status that it is in."),
    InternalField("flow", "active_work_hours", _NUMBER, "Hours that were worked on it."),
    InternalField("flow", "flow_time_days", _NUMBER, "Days from start to finish, as the site works them out."),
    InternalField("platform", "delivery_stream", _CHOICE, "The delivery stream that the ticket belongs to."),
    InternalField("platform", "tech_streams", _CHOICES, "The technology streams that the ticket touches."),
    InternalField("platform", "story_points", _NUMBER, "The estimate."),
    InternalField("platform", "sprint", ("sprint",), "The sprints that the ticket was in."),
    InternalField("platform", "flagged", ("checkbox", "multiselect", "select"), "Jira's flag: the ticket is blocked."),
    InternalField("platform", "found_in_stage", _CHOICE, "The stage in which a defect was found."),
    InternalField("platform", "introduced_in_stage", _CHOICE, "The stage that a defect came from."),
    InternalField(
        "platform", "blocking_tech_stream", _CHOICE, "The technology stream that a blocked ticket waits for."
    ),
    InternalField("platform", "severity", _CHOICE, "How bad a defect is: critical, high, medium or low."),
    InternalField("platform", "root_cause_category", _CHOICE, "What kind of mistake a defect goes back to."),
)

# Either date tells when production got the change, where a team keeps one of them only.
STAND_INS: dict[str, str] = {
    "deployment_date": "deployed_to_production_date",
    "deployed_to_production_date": "deployment_date",
}

BY_NAME: dict[str, InternalField] = {field.name: field for field in INTERNAL_FIELDS}


def internal_field(name: str) -> InternalField:
    """The internal field of that name. Raises `ValueError` with the names that there are."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise ValueError(f"{name!r} is no internal field; there are {', '.join(BY_NAME)}") from None


def metrics_that_need_fields() -> dict[str, tuple[str, ...]]:
    """Metric → internal fields without which Jira's fields cannot feed it, in the catalogue's order."""
    needed: dict[str, tuple[str, ...]] = {}
    for field in INTERNAL_FIELDS:
        for metric in field.required_for:
            needed[metric] = (*needed.get(metric, ()), field.name)
    return needed
