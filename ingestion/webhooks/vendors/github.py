"""GitHub, by its App's one webhook or a repository's own.

Signature: `X-Hub-Signature-256`. Name: `X-GitHub-Event`. Number: `X-GitHub-Delivery`, the same when a delivery is
sent again. Forms are taken too: the JSON then stands in the field `payload`, and the form's bytes are what is signed.
"""

from __future__ import annotations

from ingestion.webhooks.signatures import hub_signature_is_valid
from ingestion.webhooks.vendors.vendor import Payload, Vendor, header, problem_in

READ = {
    "pull_request": ("repository.full_name", "pull_request.number", "pull_request.created_at"),
    "pull_request_review": ("repository.full_name", "pull_request.number", "review.state"),
    "pull_request_review_comment": ("repository.full_name", "pull_request.number", "comment.id"),
    "workflow_run": ("repository.full_name", "workflow_run.id"),
    "deployment": ("repository.full_name", "deployment.id"),
    "deployment_status": ("repository.full_name", "deployment.id", "deployment_status.state"),
    "push": ("repository.full_name", "ref"),
    "release": ("repository.full_name", "release.id", "release.tag_name"),
    "repository": ("repository.full_name", "action"),
    "installation": ("installation.id", "action"),
    "installation_repositories": ("installation.id", "action"),
}
# Said by GitHub about itself; expected, and nothing to mend.
SILENT = frozenset({"ping"})


def problem(event_name: str, payload: Payload) -> str | None:
    """Why no model will read this delivery, or None."""
    return problem_in("GitHub", payload, event_name, READ, SILENT)


GITHUB = Vendor(
    source="github",
    title="GitHub",
    path="/webhooks/github",
    shared_key="github_webhook_secret",
    is_authentic=lambda secret, body, request: hub_signature_is_valid(
        secret, body, request.headers.get("X-Hub-Signature-256")
    ),
    proof="The header X-Hub-Signature-256 does not sign this body",
    event_name=header("X-GitHub-Event"),
    delivery_id=header("X-GitHub-Delivery"),
    problem=problem,
)
