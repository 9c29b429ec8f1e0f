"""GitLab, by the webhooks of projects and groups.

Proof: a signing token (`whsec_…`, from GitLab 18 on) signs id, time and body in `webhook-signature`; an older
GitLab sends its secret token as it is in `X-Gitlab-Token`. One secret file may hold both kinds. A delivery that is
signed must be signed rightly: the plain token is then not looked at.
Name: `X-Gitlab-Event`. Number: `webhook-id` or `Idempotency-Key`, which are equal, and the same when a delivery is
sent again. An older GitLab sends neither: then the body's hash is the number. `X-Gitlab-Event-UUID` is none, since
all that a recursive webhook sets off shares one.
"""

from __future__ import annotations

from starlette.requests import Request

from ingestion.webhooks.signatures import standard_signature_is_valid, token_is_valid
from ingestion.webhooks.vendors.vendor import Payload, Vendor, header, problem_in

_PROJECT = "project.path_with_namespace"
READ = {
    "Merge Request Hook": (_PROJECT, "object_attributes.iid"),
    "Note Hook": (_PROJECT, "object_attributes.id"),
    "Pipeline Hook": (_PROJECT, "object_attributes.id"),
    "Deployment Hook": (_PROJECT, "deployment_id", "status"),
}


def problem(event_name: str, payload: Payload) -> str | None:
    """Why no model will read this delivery, or None."""
    return problem_in("GitLab", payload, event_name, READ)


def _is_authentic(secret: str, body: bytes, request: Request) -> bool:
    headers = request.headers
    signature = headers.get("webhook-signature")
    if signature is None:
        # A signing token is a key and never sent, so it is no password either.
        passwords = "\n".join(line for line in secret.splitlines() if not line.strip().startswith("whsec_"))
        return token_is_valid(passwords, headers.get("X-Gitlab-Token"))
    return standard_signature_is_valid(
        secret, body, headers.get("webhook-id"), headers.get("webhook-timestamp"), signature
    )


GITLAB = Vendor(
    source="gitlab",
    title="GitLab",
    path="/webhooks/gitlab",
    shared_key="gitlab_webhook_secret",
    is_authentic=_is_authentic,
    proof="Neither does webhook-signature sign this body, nor is X-Gitlab-Token this service's secret",
    event_name=header("X-Gitlab-Event"),
    delivery_id=lambda request, _payload: request.headers.get("webhook-id") or request.headers.get("Idempotency-Key"),
    problem=problem,
)
