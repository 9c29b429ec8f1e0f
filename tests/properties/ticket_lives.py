"""Random lives of tickets: what Jira would have told of each, and the log of what happened.

In: a number, from which everything follows. Out: the deliveries for the inbox and the `TicketLog` for the reference.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta

from tests.dbt.jira_payloads import Delivery, Ticket
from tests.properties.reference.work_items import Change, TicketLog

# As jira_payloads.CONFIGURATION maps them; "Nowhere" is mapped by nobody.
MAPPINGS: Mapping[str, tuple[str, bool]] = {
    "To Do": ("backlog", False),
    "In Progress": ("dev", True),
    "Ready for QA": ("qa", False),
    "In QA": ("qa", True),
    "Done": ("done", False),
    "Cancelled": ("cancelled", False),
}
STATUSES = (*MAPPINGS, "Nowhere")
# Where most tickets go next; the others go anywhere.
ONWARD = {
    "To Do": "In Progress",
    "In Progress": "Ready for QA",
    "Ready for QA": "In QA",
    "In QA": "Done",
    "Done": "In Progress",
    "Cancelled": "To Do",
    "Nowhere": "In Progress",
}
STREAMS = {"Payments": "payments", "Identity": "identity", None: None, "Nobody knows": None}
TECHS = ((), ("core-api",), ("auth",), ("core-api", "auth"))


class TicketLife:
    """One ticket, told step by step; `deliveries` and `log` grow together."""

    def __init__(self, seed: int, number: int, begins: datetime, ends: datetime) -> None:
        """A life between two instants; times are whole minutes, and some steps share theirs."""
        self.chance = random.Random(seed)
        self.ends = ends
        span = int((ends - begins).total_seconds() // 60)
        self.now = begins + timedelta(minutes=self.chance.randrange(span // 2))
        self.ticket = Ticket(
            f"PAY-{number}",
            self.now,
            status=self.chance.choices(STATUSES, weights=(12, 3, 1, 1, 1, 1, 1))[0],
            stream=self.chance.choice(list(STREAMS)),
            tech=self.chance.choice(TECHS),
            points=self.chance.choice([None, 1.0, 2.5]),
            ticket_type=self.chance.choice(["Story", "Bug"]),
        )
        self.first_status = self.ticket.status
        self.changes: list[Change] = []
        self.deliveries = [self.ticket.made()]
        for _ in range(self.chance.choice([0, 1, 3, 5, 8, 12])):
            self._step()
        if self.chance.random() < 0.05 and not self._is_over(minutes=1):
            self.deliveries.append(self.ticket.deleted(self.now))

    @property
    def log(self) -> TicketLog:
        """What happened, as the reference reads it."""
        return TicketLog(
            key=self.ticket.key,
            ticket_type=self.ticket.ticket_type.lower(),
            created=self.ticket.created,
            first_status=self.first_status,
            delivery_stream=STREAMS[self.ticket.stream],
            tech_streams=frozenset(self.ticket.tech),
            points=self.ticket.points,
            changes=self.changes,
            is_deleted=self.ticket.is_deleted,
        )

    def _is_over(self, minutes: int) -> bool:
        self.now += timedelta(minutes=minutes)
        return self.now >= self.ends

    def _step(self) -> None:
        """One thing happens after a while; nothing where it would change nothing, since Jira tells no such thing."""
        if self._is_over(self.chance.choice([0, 1, 47, 390, 1_440, 4_321, 20_000])):
            return
        ticket, kind = self.ticket, self.chance.random()
        if kind < 0.65:
            status = ONWARD[ticket.status] if self.chance.random() < 0.7 else self.chance.choice(STATUSES)
            resolution = (
                self.chance.choice([None, "Fixed"]) if status == "Done" else self.chance.choice([None, None, "No"])
            )
            if status != ticket.status:
                self._tell(ticket.moved(self.now, status, resolution))
        elif kind < 0.75:
            resolution = self.chance.choice([None, "Fixed"])
            if resolution != ticket.resolution:
                self._tell(ticket.resolved_as(self.now, resolution))
        elif kind < 0.9:
            flag = self.chance.choice([None, "Impediment", "Question"])
            if flag != ticket.flag:
                self._tell(ticket.flagged(self.now, flag))
        else:
            self._retell()

    def _retell(self) -> None:
        """It is retagged, estimated anew or moved to another project; none of it is a change of stage."""
        # A delivery without a changelog has no number by which to order it among those of its instant.
        if self._is_over(minutes=1):
            return
        ticket, kind = self.ticket, self.chance.randrange(3)
        if kind == 0:
            ticket.stream, ticket.tech = self.chance.choice(list(STREAMS)), self.chance.choice(TECHS)
            self.deliveries.append(ticket.told(self.now))
        elif kind == 1:
            self.deliveries.append(ticket.estimated(self.now, (ticket.points or 0) + 1))
        elif ticket.key.startswith("PAY"):
            self.deliveries.append(ticket.renamed(self.now, ticket.key.replace("PAY", "IDN")))
        self._is_over(minutes=1)

    def _tell(self, delivery: Delivery) -> None:
        """Keep the delivery, and what its changelog says as a change."""
        self.deliveries.append(delivery)
        said = {item["field"].lower(): item["toString"] or "" for item in delivery.payload["changelog"]["items"]}
        known = {name if name != "flagged" else "flag": text for name, text in said.items()}
        self.changes.append(Change(delivery.received_at, **known))
