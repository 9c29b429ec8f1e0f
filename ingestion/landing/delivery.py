"""What is stored, and what the one who delivered it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one sender delivered once. `delivery_id` is the sender's own id, or a hash of the body.

    `payload` is decoded JSON without people in it; `problem` says why no model will understand it.
    """

    source: str
    event_name: str
    delivery_id: str
    payload: object
    received_at: datetime
    problem: str | None = None
    # Survey answers must be deletable for good, and an archive is for ever.
    is_archived: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery: its number in the landing, or None for one that was there already."""

    landing_id: int | None

    @property
    def is_duplicate(self) -> bool:
        """Whether the same delivery had been stored before."""
        return self.landing_id is None
