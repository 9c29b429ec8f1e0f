"""What a vendor's module says of it, and how a payload is looked at.

In: requests and decoded payloads. Out: answers to five questions: is it authentic, what is it called,
which number has it, will a model be able to read it, and which of its keys name people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from core.secrets import SecretName

Payload = dict[str, Any]
# Event name -> the paths without which no row can be made of it.
Paths = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Vendor:
    """How one vendor signs, names and numbers its deliveries."""

    # As in `landing.raw_events.source`, and as people write it.
    source: str
    title: str
    path: str
    shared_key: SecretName
    # Secret, raw body, request -> whether the body is from who it says.
    is_authentic: Callable[[str, bytes, Request], bool]
    # What the sender must do about a delivery that is not authentic.
    proof: str
    event_name: Callable[[Request, Payload], object]
    # The vendor's own id of the delivery; None or '' where it has none: then the body's hash is its id.
    delivery_id: Callable[[Request, Payload], str | None]
    # Why no model will read it, in one sentence, or None. Nothing is refused for it.
    problem: Callable[[str, Payload], str | None]
    # Keys that name a person at this vendor alone, beside those that do everywhere.
    person_keys: frozenset[str] = frozenset()


def header(name: str) -> Callable[[Request, Payload], str | None]:
    """Reads one header of a request."""
    return lambda request, _payload: request.headers.get(name)


def problem_in(
    title: str, payload: Payload, event_name: str, read: Paths, silent: frozenset[str] = frozenset()
) -> str | None:
    """Why no model will read this delivery: nobody reads that event, or a path is missing.

    `silent` events are expected and nothing to mend, so nothing is said of them.
    """
    if event_name in silent:
        return None
    paths = read.get(event_name)
    if paths is None:
        return f"no model reads the {title} event {event_name!r}"
    return missing(payload, paths)


def missing(payload: Payload, paths: tuple[str, ...]) -> str | None:
    """One sentence about the paths that are absent or null; None where all are there."""
    absent = [path for path in paths if value_at(payload, path) is None]
    return f"the payload has no {' and no '.join(absent)}" if absent else None


def value_at(payload: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    for name in path.split("."):
        if not isinstance(payload, dict):
            return None
        payload = payload.get(name)
    return payload
