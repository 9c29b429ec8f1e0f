"""One pushed event, from decoded JSON to what the inbox stores: the same for single events and for batches.

In: a payload, the key it came with, an idempotency key if there is one. Out: a `Delivery`, or `Refused`.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from core import clock
from core.api_keys import ApiKey
from core.privacy import Pseudonymiser
from ingestion.bodies import Refused
from ingestion.landing import Delivery
from ingestion.push.events import validated


def pushed_delivery(
    event_name: str, payload: dict[str, Any], key: ApiKey, idempotency_key: str, pseudonymiser: Pseudonymiser
) -> Delivery:
    """What is stored of one event. Raises `Refused` 422 for a wrong field, 403 for another repository than the key's.

    Without an idempotency key the payload itself tells an event from another one, however it is written.
    """
    payload = validated(event_name, payload)
    if key.repositories is not None and payload.get("repo_full_name") not in key.repositories:
        raise Refused(403, "out_of_scope", "This API key may not write events of that repository")
    # A client's own key is only unique among its own events, and may name a person, as a survey's body does.
    identity = (
        key.key_id.bytes + idempotency_key.encode("utf-8", "replace")
        if idempotency_key
        else orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    )
    cleaned = pseudonymiser.clean(payload)
    if "respondent" in cleaned:
        cleaned["respondent_hash"] = cleaned.pop("respondent")
    return Delivery(
        source="push",
        event_name=event_name,
        delivery_id=f"{event_name}:{pseudonymiser.hash(hashlib.sha256(identity).hexdigest())}",
        payload=cleaned,
        received_at=clock.now(),
        is_archived=event_name != "survey",
    )
