"""The sink's routes, made from the list of vendors: POST /webhooks/github, /webhooks/jira and so on.

In: an inbox, the secrets, the settings. Out: Starlette routes, to be mounted in any ASGI application.
A vendor whose secret does not exist is not served: its address answers 404 and says what is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import clock
from core.logging import get_logger
from core.privacy import Pseudonymiser
from core.secrets import SecretMissing, SecretsProvider
from core.settings import Settings
from ingestion.bodies import Refused, accepted, decode_object, read_body
from ingestion.landing import Delivery, Inbox, InboxClosed
from ingestion.webhooks.vendors import VENDORS, Vendor

LONGEST_NAME = 200
log = get_logger(__name__)
Handler = Callable[[Request], Awaitable[Response]]


def webhook_routes(
    inbox: Inbox, secrets: SecretsProvider, pseudonymiser: Pseudonymiser, settings: Settings
) -> list[Route]:
    """The sink's routes. A placeholder in place of a secret stops the start here, not the first delivery."""
    return [
        Route(
            vendor.path,
            _handler(vendor, inbox, secrets, pseudonymiser, settings.max_body_bytes),
            methods=["POST"],
            name=f"webhook_{vendor.shared_key}",
        )
        for vendor in VENDORS
    ]


def _handler(
    vendor: Vendor, inbox: Inbox, secrets: SecretsProvider, pseudonymiser: Pseudonymiser, limit: int
) -> Handler:
    try:
        secret = secrets.get(vendor.shared_key)
    except SecretMissing:
        return _not_served(vendor)

    async def receive(request: Request) -> Response:
        try:
            delivery = await _delivery(request, vendor, secret, pseudonymiser, limit)
            receipt = await inbox.store(delivery)
        except Refused as refused:
            # Never the body, nor the address: what is not signed may hold anything, and the path a token.
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


def _not_served(vendor: Vendor) -> Handler:
    refused = Refused(
        404,
        "not_configured",
        f"Webhooks of {vendor.title} are not taken at this address:"
        f" the secret {vendor.shared_key} is missing; put it into the secrets folder and start again",
    )
    log.info("webhook_not_served", source=vendor.source, missing=vendor.shared_key)

    async def refuse(_request: Request) -> Response:
        return refused.response()

    return refuse


async def _delivery(
    request: Request, vendor: Vendor, secret: str, pseudonymiser: Pseudonymiser, limit: int
) -> Delivery:
    body = await read_body(request, limit)
    if not vendor.is_authentic(secret, body, request):
        raise Refused(401, "invalid_signature", vendor.proof)
    payload = decode_object(_json_part(request, body))
    event_name = vendor.event_name(request, payload)
    if not isinstance(event_name, str) or not event_name or len(event_name) > LONGEST_NAME:
        event_name = "unnamed"
    event_name = pseudonymiser.text(event_name)
    delivery_id = vendor.delivery_id(request, payload) or ""
    if not 0 < len(delivery_id) <= LONGEST_NAME:
        delivery_id = pseudonymiser.hash(hashlib.sha256(body).hexdigest())
    try:
        cleaned = pseudonymiser.clean(payload, vendor.person_keys)
    except RecursionError:
        raise Refused(400, "invalid_json", "The body is nested too deeply") from None
    return Delivery(
        source=vendor.source,
        event_name=event_name,
        delivery_id=pseudonymiser.text(delivery_id),
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
