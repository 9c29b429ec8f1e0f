"""One route for each source: POST /webhooks/github and POST /webhooks/jira.

In: an inbox, the secrets, the settings. Out: Starlette routes, to be mounted in any ASGI application.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import clock
from core.logging import get_logger
from core.privacy import Pseudonymiser
from core.secrets import SecretsProvider
from core.settings import Settings
from ingestion.bodies import Refused, accepted, decode_object, read_body
from ingestion.landing import Delivery, Inbox, InboxClosed
from ingestion.webhooks.signatures import github_signature_is_valid, jira_signature_is_valid
from ingestion.webhooks.understanding import github_problem, jira_problem

LONGEST_NAME = 200
log = get_logger(__name__)
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Vendor:
    """How one vendor signs, names and numbers its deliveries."""

    source: str
    secret: str
    signature_header: str
    delivery_header: str
    is_valid: Callable[[str, bytes, str | None], bool]
    event_name: Callable[[Request, dict[str, Any]], str | None]
    problem: Callable[[str, dict[str, Any]], str | None]


def webhook_routes(inbox: Inbox, secrets: SecretsProvider, settings: Settings) -> list[Route]:
    """The sink's routes. A missing secret stops the start here, not the first delivery."""
    pseudonymiser = Pseudonymiser(secrets.get("pseudonym_key"))
    vendors = (
        Vendor(
            source="github",
            secret=secrets.get("github_webhook_secret"),
            signature_header="X-Hub-Signature-256",
            delivery_header="X-GitHub-Delivery",
            is_valid=github_signature_is_valid,
            event_name=lambda request, _payload: request.headers.get("X-GitHub-Event"),
            problem=github_problem,
        ),
        Vendor(
            source="jira",
            secret=secrets.get("jira_webhook_secret"),
            signature_header="X-Hub-Signature",
            delivery_header="X-Atlassian-Webhook-Identifier",
            is_valid=jira_signature_is_valid,
            event_name=lambda _request, payload: payload.get("webhookEvent"),
            problem=jira_problem,
        ),
    )
    return [
        Route(
            f"/webhooks/{vendor.source}",
            _handler(vendor, inbox, pseudonymiser, settings.max_body_bytes),
            methods=["POST"],
            name=f"webhook_{vendor.source}",
        )
        for vendor in vendors
    ]


def _handler(vendor: Vendor, inbox: Inbox, pseudonymiser: Pseudonymiser, limit: int) -> Handler:
    async def receive(request: Request) -> Response:
        try:
            delivery = await _delivery(request, vendor, pseudonymiser, limit)
            receipt = await inbox.store(delivery)
        except Refused as refused:
            # Never the body: what is not signed may hold anything.
            log.warning(
                "webhook_refused",
                source=vendor.source,
                status=refused.status,
                code=refused.code,
                client=request.client.host if request.client else None,
            )
            return refused.response()
        except InboxClosed as error:
            return Refused(503, "not_stored", f"{error}; please send it again").response()
        return accepted(
            {"delivery_id": delivery.delivery_id, "is_duplicate": receipt.is_duplicate, "problem": delivery.problem}
        )

    return receive


async def _delivery(request: Request, vendor: Vendor, pseudonymiser: Pseudonymiser, limit: int) -> Delivery:
    body = await read_body(request, limit)
    if not vendor.is_valid(vendor.secret, body, request.headers.get(vendor.signature_header)):
        raise Refused(401, "invalid_signature", f"The header {vendor.signature_header} does not sign this body")
    payload = decode_object(_json_part(request, body))
    event_name = vendor.event_name(request, payload)
    if not isinstance(event_name, str) or not event_name or len(event_name) > LONGEST_NAME:
        event_name = "unnamed"
    delivery_id = request.headers.get(vendor.delivery_header, "")
    if not 0 < len(delivery_id) <= LONGEST_NAME:
        delivery_id = pseudonymiser.hash(hashlib.sha256(body).hexdigest())
    try:
        cleaned = pseudonymiser.clean(payload)
    except RecursionError:
        raise Refused(400, "invalid_json", "The body is nested too deeply") from None
    return Delivery(
        source=vendor.source,
        event_name=pseudonymiser.text(event_name),
        delivery_id=delivery_id,
        payload=cleaned,
        received_at=clock.now(),
        problem=vendor.problem(event_name, payload),
    )


def _json_part(request: Request, body: bytes) -> bytes:
    """GitHub can be told to send forms; the JSON then stands in the field `payload`."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return body
    try:
        fields = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=10)
        return fields["payload"][0].encode("utf-8")
    except (ValueError, KeyError):
        raise Refused(400, "invalid_form", "The form has no field named payload") from None
