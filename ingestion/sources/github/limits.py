"""GitHub's rate limits: what is left, how long to wait, when to put a fetch off.

In: answers of GitHub. Out: seconds to wait, or `Deferred`. GitHub has a primary limit for each credential (5,000 an
hour; REST and GraphQL count apart) and secondary ones against bursts. Whatever has time is put off as soon as less
is left than the floor (`github_rate_limit_floor`), so that the rest stays for what has not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from requests import Response

from core import clock
from ingestion.operations import Deferred, Meter

# A run that waited longer would hold up the ones behind it; the next one goes on where this one stopped.
LONGEST_WAIT_SECONDS = 15 * 60
# What GitHub asks for after a secondary limit that names no time.
SECONDARY_WAIT_SECONDS = 60
# Its clock and ours are not the same.
SECONDS_AFTER_RESET = 1


@dataclass
class Budget:
    """What GitHub last said was left to one credential, for REST (`core`) and GraphQL (`graphql`)."""

    floor: int = 0
    left: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def note(self, resource: str, remaining: Any, resets_at: datetime | None, meter: Meter) -> None:
        """Remember what an answer said."""
        if remaining is None or resets_at is None:
            return
        self.left[resource] = int(remaining), resets_at
        meter.rate_limit_remaining = int(remaining)

    def spare(self, resource: str) -> None:
        """Raises `Deferred` where less is left than the floor; for calls that have time."""
        remaining, resets_at = self.left.get(resource, (None, None))
        if remaining is None or resets_at is None or remaining >= self.floor or resets_at <= clock.now():
            return
        raise Deferred(
            f"{remaining} requests are left of GitHub's limit, fewer than DPP_GITHUB_RATE_LIMIT_FLOOR = {self.floor}; "
            f"it is full again at {resets_at:%H:%M} UTC"
        )


def noted(response: Response, budget: Budget, resource: str, meter: Meter) -> None:
    """Take what the headers of an answer say into the budget."""
    headers = response.headers
    resets_at = _instant(headers.get("X-RateLimit-Reset"))
    named = headers.get("X-RateLimit-Resource", resource)
    remaining = headers.get("X-RateLimit-Remaining", "")
    budget.note(named, int(remaining) if remaining.isdigit() else None, resets_at, meter)


def seconds_to_wait(response: Response, said: str) -> float | None:
    """How long GitHub wants us to wait after this answer; None where it was not refused for its number.

    `said` is the message within the answer. Raises `Deferred` where that is longer than `LONGEST_WAIT_SECONDS`.
    """
    is_limited = "rate limit" in said.lower() or "abuse" in said.lower()
    if response.status_code not in (403, 429) and not is_limited:
        return None
    headers = response.headers
    seconds: float | None = None
    if headers.get("Retry-After", "").strip().isdigit():
        seconds = float(headers["Retry-After"])
    elif headers.get("X-RateLimit-Remaining") == "0" and (reset := _instant(headers.get("X-RateLimit-Reset"))):
        seconds = max(0.0, (reset - clock.now()).total_seconds()) + SECONDS_AFTER_RESET
    elif is_limited or response.status_code == 429:
        seconds = SECONDARY_WAIT_SECONDS
    if seconds is not None and seconds > LONGEST_WAIT_SECONDS:
        raise Deferred(f"GitHub wants a pause of {seconds:,.0f} seconds; the next run goes on from here")
    return seconds


def parsed(written: str) -> datetime:
    """An instant as GraphQL writes it."""
    return datetime.fromisoformat(written).astimezone(UTC)


def _instant(seconds: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds and seconds.isdigit() else None
