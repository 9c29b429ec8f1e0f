"""Many events in one request: one JSON object a line (NDJSON), each with its `type`, stored in one transaction.

In: a body, the key it came with. Out: what became of every line. In the mode *all* one wrong line refuses everything;
in the mode *each* the right ones are stored and the wrong ones named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.api_keys import ApiKey
from core.privacy import Pseudonymiser
from ingestion.bodies import Refused, decode_object
from ingestion.landing import Delivery, Receipt
from ingestion.push.deliveries import pushed_delivery
from ingestion.push.events import EVENTS

LARGEST_BATCH = 1_000
MEDIA_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


@dataclass(frozen=True)
class Line:
    """One line that is not blank: its number in the body, from 1, and the event in it or why there is none."""

    number: int
    read: Delivery | Refused


def read_batch(body: bytes, key: ApiKey, pseudonymiser: Pseudonymiser) -> list[Line]:
    """The lines of a batch. Raises `Refused` 413 for too many and 422 for none."""
    numbered = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
    if len(numbered) > LARGEST_BATCH:
        raise Refused(
            413, "too_many_events", f"A batch holds at most {LARGEST_BATCH:,} events, this one {len(numbered):,}"
        )
    if not numbered:
        raise Refused(422, "empty_batch", "The body holds no event: send one JSON object a line")
    return [Line(number, _read(line, key, pseudonymiser)) for number, line in numbered]


def refuse_all(lines: list[Line]) -> None:
    """Raises `Refused` 422, naming every wrong line, where there is one."""
    wrong = [outcome(line, None) for line in lines if isinstance(line.read, Refused)]
    if wrong:
        message = f"Nothing was stored: {len(wrong):,} of {len(lines):,} events are wrong (mode=each stores the others)"
        raise Refused(422, "batch_refused", message, lines=wrong)


def outcome(line: Line, receipt: Receipt | None) -> dict[str, Any]:
    """What became of one line, for the sender: accepted, duplicate or refused with the reason."""
    if isinstance(line.read, Refused):
        return {"line": line.number, "outcome": "refused", **line.read.description()}
    assert receipt is not None
    return {
        "line": line.number,
        "outcome": "duplicate" if receipt.is_duplicate else "accepted",
        "delivery_id": line.read.delivery_id,
    }


def status_of(outcomes: list[dict[str, Any]]) -> int:
    """202 where all was taken, 207 where some lines were refused, 422 where all were."""
    refused = sum(item["outcome"] == "refused" for item in outcomes)
    if refused == 0:
        return 202
    return 422 if refused == len(outcomes) else 207


def _read(line: bytes, key: ApiKey, pseudonymiser: Pseudonymiser) -> Delivery | Refused:
    try:
        payload = decode_object(line)
        event_name = payload.pop("type", None)
        if not isinstance(event_name, str) or event_name not in EVENTS:
            message = f"type: choose from {', '.join(EVENTS)}"
            raise Refused(422, "invalid_event", message, [{"field": "type", "message": message.partition(": ")[2]}])
        idempotency_key = payload.pop("idempotency_key", None)
        if not isinstance(idempotency_key, str | None):
            message = "idempotency_key: must be a text"
            raise Refused(422, "invalid_event", message, [{"field": "idempotency_key", "message": "must be a text"}])
        return pushed_delivery(event_name, payload, key, idempotency_key or "", pseudonymiser)
    except Refused as refused:
        return refused
