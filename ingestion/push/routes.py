"""POST /api/v1/events/deployment, /incident and /survey.

In: an engine for the keys, an inbox, secrets and settings. Out: Starlette routes.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core import clock
from core.api_keys import ApiKey, hash_key, verify_key
from core.logging import get_logger
from core.privacy import Pseudonymiser
from core.secrets import SecretsProvider
from core.settings import Settings
from ingestion.bodies import Refused, accepted, decode_object, read_body
from ingestion.landing import Delivery, Inbox, InboxClosed
from ingestion.push.events import EVENTS, PushedEvent

PERMISSION = "events:write"
# A key switched off goes on for at most this long in a process that has just seen it.
KEY_MEMORY_SECONDS = 10.0
LARGEST_KEY_MEMORY = 1_000
log = get_logger(__name__)


class KeyRing:
    """Remembers for some seconds whose key it was, so that a busy pipeline costs one look-up, not thousands."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[float, ApiKey]] = {}

    async def holder(self, authorization: str | None) -> ApiKey:
        """The holder of the key in an Authorization header. Raises `Refused` 401 or 403."""
        scheme, _, plain = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not plain.strip():
            raise Refused(401, "missing_key", "Send your API key as Authorization: Bearer …")
        hashed = hash_key(plain.strip())
        remembered_until, key = self._known.get(hashed, (0.0, None))
        if key is None or remembered_until < time.monotonic():
            key = await asyncio.to_thread(self._look_up, plain.strip())
            if key is None:
                self._known.pop(hashed, None)
                raise Refused(401, "invalid_key", "This API key is unknown, switched off or expired")
            if len(self._known) >= LARGEST_KEY_MEMORY:
                self._known.clear()
            self._known[hashed] = (time.monotonic() + KEY_MEMORY_SECONDS, key)
        if not key.may(PERMISSION):
            raise Refused(403, "missing_permission", f"This API key lacks the permission {PERMISSION}")
        return key

    def _look_up(self, plain: str) -> ApiKey | None:
        with self._engine.begin() as connection:
            return verify_key(connection, plain)


def push_routes(engine: Engine, inbox: Inbox, secrets: SecretsProvider, settings: Settings) -> list[Route]:
    """The push API's routes."""
    keys = KeyRing(engine)
    pseudonymiser = Pseudonymiser(secrets.get("pseudonym_key"))

    def route(event_name: str) -> Route:
        async def receive(request: Request) -> Response:
            try:
                key = await keys.holder(request.headers.get("authorization"))
                body = await read_body(request, settings.max_body_bytes)
                payload = validated(event_name, decode_object(body))
                _check_scope(key, payload)
                delivery = _delivery(event_name, payload, body, request, pseudonymiser, key)
                receipt = await inbox.store(delivery)
            except Refused as refused:
                log.warning("push_refused", event_name=event_name, status=refused.status, code=refused.code)
                return refused.response()
            except (InboxClosed, SQLAlchemyError):
                return Refused(503, "not_stored", "The event could not be stored; please send it again").response()
            return accepted({"delivery_id": delivery.delivery_id, "is_duplicate": receipt.is_duplicate})

        return Route(f"/api/v1/events/{event_name}", receive, methods=["POST"], name=f"push_{event_name}")

    return [route(event_name) for event_name in EVENTS]


def validated(event_name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as it came, once it has passed its model. Raises `Refused` 422 naming each wrong field."""
    try:
        event: PushedEvent = EVENTS[event_name].model_validate(payload)
    except ValidationError as error:
        fields = [
            {
                "field": ".".join(str(part) for part in item["loc"]) or "body",
                "message": item["msg"].removeprefix("Value error, "),
            }
            for item in error.errors()
        ]
        message = "; ".join(f"{item['field']}: {item['message']}" for item in fields)
        raise Refused(422, "invalid_event", message, fields) from None
    return event.model_dump(mode="json", exclude_unset=True)


def _check_scope(key: ApiKey, payload: dict[str, Any]) -> None:
    if key.repositories is not None and payload.get("repo_full_name") not in key.repositories:
        raise Refused(403, "out_of_scope", "This API key may not write events of that repository")


def _delivery(
    event_name: str,
    payload: dict[str, Any],
    body: bytes,
    request: Request,
    pseudonymiser: Pseudonymiser,
    key: ApiKey,
) -> Delivery:
    # A client's own key is only unique among its own events, and may name a person, as a survey's body does.
    idempotency_key = request.headers.get("x-idempotency-key", "").encode("utf-8", "replace")
    identity = key.key_id.bytes + idempotency_key if idempotency_key else body
    own_id = pseudonymiser.hash(hashlib.sha256(identity).hexdigest())
    cleaned = pseudonymiser.clean(payload)
    if "respondent" in cleaned:
        cleaned["respondent_hash"] = cleaned.pop("respondent")
    return Delivery(
        source="push",
        event_name=event_name,
        delivery_id=f"{event_name}:{own_id}",
        payload=cleaned,
        received_at=clock.now(),
        is_archived=event_name != "survey",
    )
