"""Bitbucket Cloud, by the webhooks of repositories and workspaces.

Signature: `X-Hub-Signature`. Name: `X-Event-Key`. Number: `X-Request-UUID`, which the two further attempts
(`X-Attempt-Number`) at a delivery that was not answered share with the first.
"""

from __future__ import annotations

from ingestion.webhooks.signatures import hub_signature_is_valid
from ingestion.webhooks.vendors.vendor import Payload, Vendor, header, problem_in

_PULL_REQUEST = ("repository.full_name", "pullrequest.id")
READ = {
    **{
        f"pullrequest:{name}": _PULL_REQUEST
        for name in (
            "created", "updated", "fulfilled", "rejected", "approved", "unapproved", "changes_request_created",
            "changes_request_removed", "comment_created",
        )
    },
    "repo:commit_status_created": ("repository.full_name", "commit_status.state"),
    "repo:commit_status_updated": ("repository.full_name", "commit_status.state"),
}  # fmt: skip
SILENT = frozenset({"diagnostics:ping"})


def problem(event_name: str, payload: Payload) -> str | None:
    """Why no model will read this delivery, or None."""
    return problem_in("Bitbucket", payload, event_name, READ, SILENT)


BITBUCKET = Vendor(
    source="bitbucket",
    title="Bitbucket",
    path="/webhooks/bitbucket",
    shared_key="bitbucket_webhook_secret",
    is_authentic=lambda secret, body, request: hub_signature_is_valid(
        secret, body, request.headers.get("X-Hub-Signature")
    ),
    proof="The header X-Hub-Signature does not sign this body",
    event_name=header("X-Event-Key"),
    delivery_id=header("X-Request-UUID"),
    problem=problem,
)
