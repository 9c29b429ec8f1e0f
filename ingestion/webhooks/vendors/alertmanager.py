"""Alertmanager of Prometheus, and Grafana's alerting, whose webhooks have the same form.

Proof: `Authorization: Bearer TOKEN` (`http_config.authorization.credentials` of the receiver). Name: the group's
`status`, firing or resolved. One delivery holds the alerts of a group. Number: none, so it is made of the group and
of what each of its alerts says; the reminders of an alert that goes on firing are the same delivery again.
"""

from __future__ import annotations

import hashlib
import json

from ingestion.webhooks.signatures import bearer_token, token_is_valid
from ingestion.webhooks.vendors.vendor import Payload, Vendor, missing, problem_in

READ = {"firing": ("alerts",), "resolved": ("alerts",)}
_TOLD_APART = ("fingerprint", "status", "startsAt")


def problem(event_name: str, payload: Payload) -> str | None:
    """Why no model will read this delivery, or why not all of it; None where all is well."""
    found = problem_in("Alertmanager", payload, event_name, READ)
    if found:
        return found
    alerts = payload["alerts"]
    if not isinstance(alerts, list) or not alerts:
        return "the payload has no list of alerts"
    if payload.get("truncatedAlerts"):
        return f"{payload['truncatedAlerts']} alerts were left out: raise max_alerts of the receiver, or set it to 0"
    problems = [missing(alert, _TOLD_APART) if isinstance(alert, dict) else "no object" for alert in alerts]
    return next((f"an alert cannot be read: {item}" for item in problems if item), None)


def delivery_id(payload: Payload) -> str | None:
    """A number for what this delivery says; None where it is not of Alertmanager's form."""
    alerts = payload.get("alerts")
    if not isinstance(alerts, list) or not all(isinstance(alert, dict) for alert in alerts):
        return None
    # An alert that fires is told with the end that is expected, which moves on with each reminder.
    said = sorted(
        [
            *(str(alert.get(name, "")) for name in _TOLD_APART),
            str(alert.get("endsAt", "")) if alert.get("status") == "resolved" else "",
        ]
        for alert in alerts
    )
    group = [str(payload.get("receiver", "")), str(payload.get("groupKey", "")), str(payload.get("status", ""))]
    return hashlib.sha256(json.dumps([group, said]).encode()).hexdigest()


ALERTMANAGER = Vendor(
    source="alertmanager",
    title="Alertmanager",
    path="/webhooks/alertmanager",
    shared_key="alertmanager_webhook_token",
    is_authentic=lambda secret, _body, request: token_is_valid(
        secret, bearer_token(request.headers.get("Authorization"))
    ),
    proof="Give the receiver this service's token as http_config.authorization.credentials",
    event_name=lambda _request, payload: payload.get("status"),
    delivery_id=lambda _request, payload: delivery_id(payload),
    problem=problem,
)
