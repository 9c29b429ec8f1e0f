"""What may be pushed, and what is impossible.

In: decoded JSON. Out: validated events; unknown extra fields stay, since what is not understood today may
be tomorrow. Sources: 004 §5.4.2 for deployments and incidents, §4.3.8 for survey answers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from core import clock
from ingestion.bodies import Refused

FUTURE_TOLERANCE = timedelta(days=1)
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
# A pipeline that does not know its commit often sends an empty text, which says no more than a missing one.
MaybeText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]
LongText = Annotated[str, StringConstraints(max_length=20_000)]
Score = Annotated[int, Field(ge=1, le=5, strict=True)]
MeanScore = Annotated[float, Field(ge=1, le=5, strict=True)]


class PushedEvent(BaseModel):
    """What all pushed events share: unknown fields are kept."""

    model_config = ConfigDict(extra="allow")


class DeploymentEvent(PushedEvent):
    """One finished deployment. `rolled_back` says that an earlier successful one was taken back."""

    pipeline_id: Text
    environment: Text
    status: Literal["success", "failure", "cancelled", "rolled_back"]
    # A project of GitLab may lie deeper than organisation/name.
    repo_full_name: Annotated[Text, StringConstraints(pattern=r"^[^/\s]+(/[^/\s]+)+$")]
    commit_sha: MaybeText | None = None
    pr_number: Annotated[int, Field(ge=1)] | None = None
    started_at: AwareDatetime
    completed_at: AwareDatetime
    trigger_type: Text | None = None
    artefact_version: Text | None = None
    failure_reason: LongText | None = None
    pipeline_run_id: Text | None = None
    service_name: Text | None = None
    rollback_of: Text | None = None

    @field_validator("started_at", "completed_at")
    @classmethod
    def _not_in_the_future(cls, value: datetime) -> datetime:
        return _possible(value)

    @field_validator("completed_at")
    @classmethod
    def _after_start(cls, value: datetime, info: ValidationInfo) -> datetime:
        started_at = info.data.get("started_at")
        if started_at is not None and value < started_at:
            raise ValueError("is before started_at")
        return value


class IncidentEvent(PushedEvent):
    """One thing that happened to an incident or an alarm."""

    incident_id: Text
    event_type: Literal["alarm_triggered", "alarm_resolved", "incident_opened", "incident_resolved"]
    service_name: Text
    severity: Literal["critical", "high", "medium", "low"] | None = None
    description: LongText | None = None
    occurred_at: AwareDatetime
    repo_full_name: Text | None = None
    related_deploy_id: Text | None = None
    related_incident_id: Text | None = None
    ticket_id: Text | None = None

    @field_validator("occurred_at")
    @classmethod
    def _not_in_the_future(cls, value: datetime) -> datetime:
        return _possible(value)


class SurveyEvent(PushedEvent):
    """One person's answers for one period; the person becomes a pseudonym before anything is written."""

    survey_period: Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    delivery_stream: Text
    respondent: Text
    pace_score: Score
    tooling_score: Score
    clarity_score: Score
    free_text: LongText | None = None
    submitted_at: AwareDatetime

    @field_validator("submitted_at")
    @classmethod
    def _not_in_the_future(cls, value: datetime) -> datetime:
        return _possible(value)


class SurveyResultEvent(PushedEvent):
    """What a team answered in one period, averaged by the survey tool that asked (004 §5.5.1); the newest counts."""

    survey_period: Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    delivery_stream: Text
    response_count: Annotated[int, Field(ge=1, le=100_000, strict=True)]
    pace_avg: MeanScore
    tooling_avg: MeanScore
    clarity_avg: MeanScore
    submitted_at: AwareDatetime

    @field_validator("submitted_at")
    @classmethod
    def _not_in_the_future(cls, value: datetime) -> datetime:
        return _possible(value)


EVENTS: dict[str, type[PushedEvent]] = {
    "deployment": DeploymentEvent,
    "incident": IncidentEvent,
    "survey": SurveyEvent,
    "survey_result": SurveyResultEvent,
}


def validated(event_name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as it came, once it has passed its model. Raises `Refused` 422 naming each wrong field."""
    try:
        event: PushedEvent = EVENTS[event_name].model_validate(payload)
    except ValidationError as error:
        fields = [
            {
                "field": ".".join(str(part) for part in item["loc"]) or "body",
                "message": item["msg"].removeprefix("Value error, "),
            }
            for item in error.errors()
        ]
        message = "; ".join(f"{item['field']}: {item['message']}" for item in fields)
        raise Refused(422, "invalid_event", message, fields) from None
    return event.model_dump(mode="json", exclude_unset=True)


def _possible(value: datetime) -> datetime:
    if value > clock.now() + FUTURE_TOLERANCE:
        raise ValueError("lies more than a day in the future")
    return value
