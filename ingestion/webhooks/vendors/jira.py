"""Jira, Cloud and Data Center.

Signature: `X-Hub-Signature` where the webhook has a secret. A Jira that cannot sign is given an address whose
last part is a secret token instead; it is compared in constant time and never logged.
Name: `webhookEvent` in the body. Number: `X-Atlassian-Webhook-Identifier`, the same when a delivery is sent again.
"""

from __future__ import annotations

from ingestion.webhooks.signatures import hub_signature_is_valid, token_is_valid
from ingestion.webhooks.vendors.vendor import Payload, Vendor, header, problem_in

_ISSUE = ("issue.key", "issue.fields.project.key", "timestamp")
_SPRINT = ("sprint.id", "timestamp")
READ = {
    "jira:issue_created": _ISSUE,
    "jira:issue_updated": _ISSUE,
    "jira:issue_deleted": _ISSUE,
    "sprint_created": _SPRINT,
    "sprint_updated": _SPRINT,
    "sprint_started": _SPRINT,
    "sprint_closed": _SPRINT,
    "sprint_deleted": _SPRINT,
}
# Which boards there are is read over REST; their events come along with those of the sprints.
SILENT = frozenset({"board_created", "board_updated", "board_deleted", "board_configuration_changed"})


def problem(event_name: str, payload: Payload) -> str | None:
    """Why no model will read this delivery, or None."""
    return problem_in("Jira", payload, event_name, READ, SILENT)


JIRA = Vendor(
    source="jira",
    title="Jira",
    path="/webhooks/jira",
    shared_key="jira_webhook_secret",
    is_authentic=lambda secret, body, request: hub_signature_is_valid(
        secret, body, request.headers.get("X-Hub-Signature")
    ),
    proof="The header X-Hub-Signature does not sign this body",
    event_name=lambda _request, payload: payload.get("webhookEvent"),
    delivery_id=header("X-Atlassian-Webhook-Identifier"),
    problem=problem,
)
JIRA_BY_TOKEN = Vendor(
    source="jira",
    title="Jira",
    path="/webhooks/jira/{token}",
    shared_key="jira_webhook_token",
    is_authentic=lambda secret, _body, request: token_is_valid(secret, request.path_params.get("token")),
    proof="The last part of the address is not this service's token for Jira",
    event_name=JIRA.event_name,
    delivery_id=JIRA.delivery_id,
    problem=problem,
)
