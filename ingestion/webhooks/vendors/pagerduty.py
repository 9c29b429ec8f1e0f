"""PagerDuty, by its webhook subscriptions (v3).

Signature: `X-PagerDuty-Signature`, one `v1=…` for each secret that PagerDuty knows. Name and number stand in the
body: `event.event_type` and `event.id`.
"""

from __future__ import annotations

from ingestion.webhooks.signatures import pagerduty_signature_is_valid
from ingestion.webhooks.vendors.vendor import Payload, Vendor, problem_in, value_at

_INCIDENT = ("event.data.id", "event.occurred_at")
READ = {"incident.triggered": _INCIDENT, "incident.reopened": _INCIDENT, "incident.resolved": _INCIDENT}
# What happens between an incident's start and its end changes neither; a ping is the test button.
SILENT = frozenset(
    {
        "pagey.ping", "incident.acknowledged", "incident.unacknowledged", "incident.annotated", "incident.delegated",
        "incident.escalated", "incident.priority_updated", "incident.reassigned", "incident.responder.added",
        "incident.responder.replied", "incident.status_update_published",
    }
)  # fmt: skip


def problem(event_name: str, payload: Payload) -> str | None:
    """Why no model will read this delivery, or None."""
    return problem_in("PagerDuty", payload, event_name, READ, SILENT)


def _event_id(payload: Payload) -> str | None:
    found = value_at(payload, "event.id")
    return found if isinstance(found, str) else None


PAGERDUTY = Vendor(
    source="pagerduty",
    title="PagerDuty",
    path="/webhooks/pagerduty",
    shared_key="pagerduty_webhook_secret",
    is_authentic=lambda secret, body, request: pagerduty_signature_is_valid(
        secret, body, request.headers.get("X-PagerDuty-Signature")
    ),
    proof="No signature in the header X-PagerDuty-Signature signs this body",
    event_name=lambda _request, payload: value_at(payload, "event.event_type"),
    delivery_id=lambda _request, payload: _event_id(payload),
    problem=problem,
)
