"""What CI, monitoring and the survey tool push to the platform's own API (specification 004 §5.4.2).

In: deployments, outages and survey answers of the history. Out: payloads for `/api/v1/events/…`.
"""

from __future__ import annotations

from typing import Any

import orjson

from ingestion.demo.company import DISPLAY_NAME
from ingestion.demo.history import Deployment, Outage, Signal, SurveyAnswer
from ingestion.demo.shapes import Payload, github_time, identifier


def deployment(run: Deployment) -> Payload:
    """The end of a pipeline run."""
    body = _deployment(run, run.status, run.started_at, run.completed_at)
    if run.rollback_of is not None:
        body["rollback_of"] = run.rollback_of.artefact_version or run.rollback_of.commit_sha
    if run.status == "failure":
        body["failure_reason"] = "Health check failed after the new version was started."
    return _payload("deployment", body, run.pipeline_id, run.run, run.status)


def rollback(run: Deployment) -> Payload:
    """The same run again, once the pipeline has undone it."""
    assert run.rolled_back_at is not None
    body = _deployment(run, "rolled_back", run.rolled_back_at - 120, run.rolled_back_at)
    return _payload("deployment", body, run.pipeline_id, run.run, "rolled_back")


def incident(outage: Outage, signal: Signal, *, is_resolved: bool) -> Payload:
    """An alarm or an incident, raised or resolved."""
    verb = ("resolved" if is_resolved else "triggered") if signal.kind == "alarm" else None
    event_type = f"alarm_{verb}" if verb else f"incident_{'resolved' if is_resolved else 'opened'}"
    at = signal.resolved_at if is_resolved else signal.opened_at
    assert at is not None
    body: dict[str, Any] = {
        "incident_id": signal.incident_id,
        "event_type": event_type,
        "service_name": outage.service,
        "severity": outage.severity,
        "description": outage.description,
        "occurred_at": github_time(at),
    }
    if outage.names_repository and outage.repository is not None:
        body["repo_full_name"] = outage.repository.full_name
    if outage.related_deployment is not None:
        body["related_deploy_id"] = outage.related_deployment.deployment_id
    if outage.ticket is not None and signal.kind == "incident":
        body["ticket_id"] = outage.ticket.key
    others = [other.incident_id for other in outage.signals if other is not signal]
    if others and outage.names_each_other:
        body["related_incident_id"] = others[0]
    return _payload("incident", body, signal.incident_id, event_type)


def survey(answer: SurveyAnswer) -> Payload:
    """One person's answer to the monthly survey."""
    body: dict[str, Any] = {
        "survey_period": answer.period,
        "delivery_stream": DISPLAY_NAME[answer.stream],
        "respondent": answer.respondent,
        "pace_score": answer.pace,
        "tooling_score": answer.tooling,
        "clarity_score": answer.clarity,
        "submitted_at": github_time(answer.submitted_at),
    }
    if answer.free_text is not None:
        body["free_text"] = answer.free_text
    return _payload("survey", body, answer.period, answer.stream, answer.respondent)


def _deployment(run: Deployment, status: str, started_at: int, completed_at: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "pipeline_id": run.pipeline_id,
        "pipeline_run_id": str(run.run),
        "environment": run.environment,
        "status": status,
        "repo_full_name": run.repository.full_name,
        "service_name": run.repository.deploy_target,
        "commit_sha": run.commit_sha,
        "started_at": github_time(started_at),
        "completed_at": github_time(completed_at),
        "trigger_type": run.trigger,
    }
    if run.artefact_version is not None:
        body["artefact_version"] = run.artefact_version
    if run.names_pull_request:
        body["pr_number"] = run.head.number
    return body


def _payload(event: str, body: dict[str, Any], *key: object) -> Payload:
    return Payload("push", event, orjson.dumps(body), identifier(event, *key))
