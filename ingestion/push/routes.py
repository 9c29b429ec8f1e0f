"""POST /api/v1/events/deployment, /incident, /survey, /survey_result, and /batch for many of them.

In: an engine for the keys, an inbox, secrets and settings. Out: Starlette routes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.logging import get_logger
from core.privacy import Pseudonymiser
from core.settings import Settings
from ingestion.bodies import Refused, accepted, answered, decode_object, is_all_or_nothing, media_type, read_body
from ingestion.keys import KeyRing
from ingestion.landing import Delivery, Inbox, InboxClosed
from ingestion.push.batch import MEDIA_TYPES, outcome, read_batch, refuse_all, status_of
from ingestion.push.deliveries import pushed_delivery
from ingestion.push.events import EVENTS

PERMISSION = "events:write"
log = get_logger(__name__)
Handler = Callable[[Request], Awaitable[Response]]


def push_routes(keys: KeyRing, inbox: Inbox, pseudonymiser: Pseudonymiser, settings: Settings) -> list[Route]:
    """The push API's routes."""

    def single(event_name: str) -> Handler:
        async def receive(request: Request) -> Response:
            key = await keys.holder(request.headers.get("authorization"), PERMISSION)
            payload = decode_object(await read_body(request, settings.max_body_bytes))
            idempotency_key = request.headers.get("x-idempotency-key", "")
            delivery = pushed_delivery(event_name, payload, key, idempotency_key, pseudonymiser)
            receipt = await inbox.store(delivery)
            return accepted({"delivery_id": delivery.delivery_id, "is_duplicate": receipt.is_duplicate})

        return receive

    async def batch(request: Request) -> Response:
        key = await keys.holder(request.headers.get("authorization"), PERMISSION)
        if media_type(request) not in MEDIA_TYPES:
            raise Refused(415, "wrong_media_type", f"Send one JSON object a line as {MEDIA_TYPES[0]}")
        all_or_nothing = is_all_or_nothing(request)
        body = await read_body(request, settings.max_body_bytes)
        # A thousand events take a tenth of a second to check; webhooks are answered meanwhile.
        lines = await asyncio.to_thread(read_batch, body, key, pseudonymiser)
        if all_or_nothing:
            refuse_all(lines)
        receipts = iter(await inbox.store_together([line.read for line in lines if isinstance(line.read, Delivery)]))
        outcomes = [outcome(line, next(receipts) if isinstance(line.read, Delivery) else None) for line in lines]
        counts = Counter(item["outcome"] for item in outcomes)
        data = {name: counts[name] for name in ("accepted", "duplicate", "refused")} | {"lines": outcomes}
        return answered(data, {"mode": "all" if all_or_nothing else "each"}, status_of(outcomes))

    handlers = {event_name: single(event_name) for event_name in EVENTS} | {"batch": batch}
    return [
        Route(f"/api/v1/events/{name}", _answering(name, handler), methods=["POST"], name=f"push_{name}")
        for name, handler in handlers.items()
    ]


def _answering(event_name: str, handler: Handler) -> Handler:
    """The handler, with what it raises as answers in the envelope."""

    async def receive(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            log.warning("push_refused", event_name=event_name, status=refused.status, code=refused.code)
            return refused.response()
        except (InboxClosed, SQLAlchemyError):
            return Refused(503, "not_stored", "The event could not be stored; please send it again").response()

    return receive
