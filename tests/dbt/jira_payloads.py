"""Hand-made Jira deliveries and fetched issues in the vendor's shapes, people already replaced by pseudonyms.

In: what a test cares about. Out: `Ticket` objects that tell their own story, and ways to store what they tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, text

STREAM, TECH, POINTS = "customfield_10101", "customfield_10102", "customfield_10016"
SPRINT, FLAGGED = "customfield_10020", "customfield_10021"

CONFIGURATION = f"""
    insert into config.delivery_streams (name, display_name) values ('payments', 'Payments'), ('identity', 'Identity');
    insert into config.tech_streams (name, display_name, github_org, github_install_id)
    values ('core-api', 'Core API', 'acme-core', '1'), ('auth', 'Auth', 'acme-auth', '2');
    insert into config.jira_projects (jira_project_key) values ('PAY'), ('IDN');
    insert into config.field_mappings values
        ('delivery_stream', '{STREAM}'), ('tech_streams', '{TECH}'), ('story_points', '{POINTS}'),
        ('sprint', '{SPRINT}'), ('flagged', '{FLAGGED}');
    insert into config.status_mappings
        (jira_project_key, jira_status_name, pipeline_stage, is_active_work, display_order)
    select project, status, stage, is_active, place
    from unnest(array['PAY', 'IDN']) as project
    cross join (
        values ('To Do', 'backlog', false, 1), ('In Progress', 'dev', true, 2), ('Ready for QA', 'qa', false, 3),
            ('In QA', 'qa', true, 4), ('Done', 'done', false, 5), ('Cancelled', 'cancelled', false, 6)
    ) as mapping (status, stage, is_active, place);
    insert into config.holidays values ('2026-01-20', 'a holiday');
    insert into config.sprints (jira_sprint_id, name, start_date, end_date)
    values ('7', 'Seven', '2026-01-05', '2026-01-16');
"""


@dataclass(frozen=True)
class Delivery:
    """One row of the inbox, without its number."""

    delivery_id: str
    event_name: str
    received_at: datetime
    payload: dict[str, Any]


def iso(moment: datetime | None) -> str | None:
    """Jira's way of writing an instant."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def change(name: str, before: str | None, after: str | None, field_id: str | None = None) -> dict[str, Any]:
    """One item of a changelog."""
    return {"field": name, "fieldId": field_id or name.lower(), "fromString": before, "toString": after}


@dataclass
class Ticket:
    """A ticket that remembers its fields, so that each delivery shows them as they were."""

    key: str
    created: datetime
    status: str = "To Do"
    stream: str | None = "Payments"
    tech: tuple[str, ...] = ("core-api",)
    points: float | None = 3
    resolution: str | None = None
    resolved: datetime | None = None
    flag: bool = False
    sprints: tuple[int, ...] = ()
    histories: list[dict[str, Any]] = field(default_factory=list)
    _sent: int = 0

    def fields(self, moment: datetime) -> dict[str, Any]:
        """The vendor's `fields` object as it stands."""
        return {
            "created": iso(self.created),
            "updated": iso(moment),
            "status": {"name": self.status},
            "resolution": self.resolution and {"name": self.resolution},
            "resolutiondate": iso(self.resolved),
            "issuetype": {"name": "Story"},
            "priority": {"name": "High"},
            "labels": ["alpha"],
            "components": [],
            "project": {"key": self.key.split("-")[0]},
            STREAM: self.stream and {"value": self.stream},
            TECH: [{"value": name} for name in self.tech],
            POINTS: self.points,
            SPRINT: [{"id": number, "state": "active"} for number in self.sprints] or None,
            FLAGGED: [{"value": "Impediment"}] if self.flag else None,
        }

    def told(self, moment: datetime, *items: dict[str, Any], event: str = "jira:issue_updated") -> Delivery:
        """A delivery about this ticket at that instant; `items` become its changelog."""
        self._sent += 1
        payload: dict[str, Any] = {
            "timestamp": int(moment.timestamp() * 1000),
            "webhookEvent": event,
            "issue": {"id": self.key, "key": self.key, "fields": self.fields(moment)},
        }
        if items:
            history_id = f"{abs(hash_number(self.key)) % 1000}{self._sent:03d}"
            payload["changelog"] = {"id": history_id, "items": list(items)}
            self.histories.append({"id": history_id, "created": iso(moment), "items": list(items)})
        return Delivery(f"{self.key}/{self._sent}", event, moment, payload)

    def made(self) -> Delivery:
        """Its creation."""
        return self.told(self.created, event="jira:issue_created")

    def moved(self, moment: datetime, status: str, resolution: str | None = None) -> Delivery:
        """Another status, with the resolution that goes with it."""
        items = [change("status", self.status, status)]
        if resolution != self.resolution:
            items.insert(0, change("resolution", self.resolution, resolution))
        self.status, self.resolution = status, resolution
        self.resolved = moment if resolution else None
        return self.told(moment, *items)

    def flagged(self, moment: datetime, flag: bool) -> Delivery:
        """The flag is set or taken away."""
        self.flag = flag
        before, after = ("", "Impediment") if flag else ("Impediment", "")
        return self.told(moment, change("Flagged", before, after, FLAGGED))

    def renamed(self, moment: datetime, key: str) -> Delivery:
        """Moved to another project."""
        before, self.key = self.key, key
        return self.told(moment, change("Key", before, key))


def hash_number(key: str) -> int:
    """A number that tells tickets apart, the same in every run."""
    return sum(ord(letter) * 31**place for place, letter in enumerate(key))


def land(engine: Engine, deliveries: Iterable[Delivery]) -> None:
    """Append deliveries to the inbox in this order."""
    with engine.begin() as connection:
        for delivery in deliveries:
            connection.execute(
                text(
                    """
                    insert into landing.raw_events (received_at, source, event_name, delivery_id, payload)
                    values (:received_at, 'jira', :event_name, :delivery_id, cast(:payload as jsonb))
                    """
                ),
                {
                    "received_at": delivery.received_at,
                    "event_name": delivery.event_name,
                    "delivery_id": delivery.delivery_id,
                    "payload": json.dumps(delivery.payload),
                },
            )


def fetch(engine: Engine, ticket: Ticket, moment: datetime, load_id: str, *, changelog: bool) -> None:
    """Store the ticket as the Jira source does, replacing what was fetched before."""
    with engine.begin() as connection:
        connection.execute(text("delete from raw_jira.issues where id = :id"), {"id": ticket.key})
        connection.execute(
            text(
                """
                insert into raw_jira.issues (id, key, updated_at, fields, changelog, _dlt_load_id, _dlt_id)
                values (:id, :id, :updated_at, cast(:fields as jsonb), cast(:changelog as jsonb), :load_id, :id)
                """
            ),
            {
                "id": ticket.key,
                "updated_at": moment,
                "fields": json.dumps(ticket.fields(moment)),
                "changelog": json.dumps(ticket.histories) if changelog else None,
                "load_id": load_id,
            },
        )
