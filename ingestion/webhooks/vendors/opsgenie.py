"""Opsgenie, by its integration "Webhook" (outgoing).

Proof: Opsgenie signs nothing, so the integration is given a custom header: `Authorization: Bearer TOKEN`, or
`X-Opsgenie-Token: TOKEN` where a proxy keeps the first for itself. Name: `action` in the body.
Number: none; a delivery that is sent again has the same body.
"""

from __future__ import annotations

from starlette.requests import Request

from ingestion.webhooks.signatures import bearer_token, token_is_valid
from ingestion.webhooks.vendors.vendor import Payload, Vendor, problem_in

READ = {"Create": ("alert.alertId",), "Close": ("alert.alertId",), "Delete": ("alert.alertId",)}
# What happens between an alert's start and its end changes neither.
SILENT = frozenset(
    {
        "Acknowledge", "UnAcknowledge", "AddNote", "AddTags", "RemoveTags", "AddTeam", "AddRecipient", "AddResponder",
        "AssignOwnership", "TakeOwnership", "Escalate", "EscalateNext", "Snooze", "UnSnooze", "SnoozeEnded",
        "UpdatePriority", "UpdateMessage", "UpdateDescription", "AddDetails", "RemoveDetails", "CustomAction",
    }
)  # fmt: skip


def problem(event_name: str, payload: Payload) -> str | None:
    """Why no model will read this delivery, or None."""
    return problem_in("Opsgenie", payload, event_name, READ, SILENT)


def _is_authentic(secret: str, _body: bytes, request: Request) -> bool:
    presented = bearer_token(request.headers.get("Authorization")) or request.headers.get("X-Opsgenie-Token")
    return token_is_valid(secret, presented)


OPSGENIE = Vendor(
    source="opsgenie",
    title="Opsgenie",
    path="/webhooks/opsgenie",
    shared_key="opsgenie_webhook_token",
    is_authentic=_is_authentic,
    proof="Give the integration the custom header Authorization: Bearer … with this service's token",
    event_name=lambda _request, payload: payload.get("action"),
    delivery_id=lambda _request, _payload: None,
    problem=problem,
    person_keys=frozenset({"owner", "ownerId", "ownerUsername", "userId", "recipients", "userFullName"}),
)
