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
FOUND_IN, INTRODUCED_IN, BLOCKING = "customfield_10103", "customfield_10104", "customfield_10105"
SEVERITY, ROOT_CAUSE = "customfield_10106", "customfield_10107"

CONFIGURATION = f"""
    insert into config.delivery_streams (name, display_name) values ('payments', 'Payments'), ('identity', 'Identity');
    insert into config.tech_streams (name, display_name, github_org, github_install_id)
    values ('core-api', 'Core API', 'acme-core', '1'), ('auth', 'Auth', 'acme-auth', '2');
    insert into config.jira_projects (jira_project_key) values ('PAY'), ('IDN');
    insert into config.field_mappings (internal_field, jira_field_id) values
        ('delivery_stream', '{STREAM}'), ('tech_streams', '{TECH}'), ('story_points', '{POINTS}'),
        ('sprint', '{SPRINT}'), ('flagged', '{FLAGGED}'), ('found_in_stage', '{FOUND_IN}'),
        ('introduced_in_stage', '{INTRODUCED_IN}'), ('blocking_tech_stream', '{BLOCKING}'),
        ('severity', '{SEVERITY}'), ('root_cause_category', '{ROOT_CAUSE}');
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


def change(
    name: str,
    before: str | None,
    after: str | None,
    field_id: str | None = None,
    numbers: tuple[str | None, str | None] = (None, None),
) -> dict[str, Any]:
    """One item of a changelog; `numbers` are the vendor's ids before and after."""
    return {
        "field": name,
        "fieldId": field_id or name.lower(),
        "from": numbers[0],
        "fromString": before,
        "to": numbers[1],
        "toString": after,
    }


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
    flag: str | None = None
    sprints: tuple[int, ...] = ()
    ticket_type: str = "Story"
    priority: str = "High"
    labels: tuple[str, ...] = ("alpha",)
    assignee: str | None = None
    # What hangs on a field that the site made, by the field's id.
    options: dict[str, str] = field(default_factory=dict)
    parent: str | None = None
    links: tuple[str, ...] = ()
    histories: list[dict[str, Any]] = field(default_factory=list)
    is_deleted: bool = False
    _sent: int = 0
    last_told: datetime = field(init=False)

    def __post_init__(self) -> None:
        # The vendor's number of the issue stays when its key changes.
        self.issue_id = self.key
        self.last_told = self.created

    def fields(self, moment: datetime) -> dict[str, Any]:
        """The vendor's `fields` object as it stands."""
        return {
            "created": iso(self.created),
            "updated": iso(moment),
            "status": {"name": self.status},
            "resolution": self.resolution and {"name": self.resolution},
            "resolutiondate": iso(self.resolved),
            "issuetype": {"name": self.ticket_type},
            "priority": {"name": self.priority},
            "assignee": self.assignee and {"person_hash": self.assignee},
            "labels": list(self.labels),
            "components": [],
            "project": {"key": self.key.split("-")[0]},
            STREAM: self.stream and {"value": self.stream},
            TECH: [{"value": name} for name in self.tech],
            POINTS: self.points,
            SPRINT: [{"id": number, "state": "active"} for number in self.sprints] or None,
            FLAGGED: [{"value": self.flag}] if self.flag else None,
            "issuelinks": [{"type": {"name": "Relates"}, "outwardIssue": {"key": key}} for key in self.links],
            **({"parent": {"key": self.parent, "fields": {}}} if self.parent else {}),
            **{
                name: {"value": self.options[name]} if name in self.options else None
                for name in (FOUND_IN, INTRODUCED_IN, BLOCKING, SEVERITY, ROOT_CAUSE)
            },
        }

    def told(self, moment: datetime, *items: dict[str, Any], event: str = "jira:issue_updated") -> Delivery:
        """A delivery about this ticket at that instant; `items` become its changelog."""
        self._sent += 1
        self.last_told = moment
        payload: dict[str, Any] = {
            "timestamp": int(moment.timestamp() * 1000),
            "webhookEvent": event,
            "issue": {"id": self.issue_id, "key": self.key, "fields": self.fields(moment)},
        }
        if items:
            history_id = f"{abs(hash_number(self.issue_id)) % 1000}{self._sent:03d}"
            payload["changelog"] = {"id": history_id, "items": list(items)}
            self.histories.append({"id": history_id, "created": iso(moment), "items": list(items)})
        return Delivery(f"{self.issue_id}/{self._sent}", event, moment, payload)

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

    def resolved_as(self, moment: datetime, resolution: str | None) -> Delivery:
        """The resolution alone is set or cleared."""
        before, self.resolution = self.resolution, resolution
        self.resolved = moment if resolution else None
        return self.told(moment, change("resolution", before, resolution))

    def flagged(self, moment: datetime, flag: str | None) -> Delivery:
        """The flag is set or taken away."""
        before, self.flag = self.flag, flag
        return self.told(moment, change("Flagged", before or "", flag or "", FLAGGED))

    def in_sprints(self, moment: datetime, *sprints: int) -> Delivery:
        """The list of sprints becomes this one."""
        before, self.sprints = self.sprints, sprints
        names = [", ".join(f"Sprint {number}" for number in listed) for listed in (before, sprints)]
        numbers = [", ".join(str(number) for number in listed) for listed in (before, sprints)]
        return self.told(moment, change("Sprint", names[0], names[1], SPRINT, (numbers[0], numbers[1])))

    def said(self, moment: datetime, field_id: str, value: str | None) -> Delivery:
        """A field that the site made is set or cleared."""
        before = self.options.pop(field_id, None)
        if value:
            self.options[field_id] = value
        return self.told(moment, change("Some name", before, value, field_id))

    def estimated(self, moment: datetime, points: float | None) -> Delivery:
        """Another estimate."""
        before, self.points = self.points, points
        texts = ["" if value is None else str(value) for value in (before, points)]
        return self.told(moment, change("Story Points", texts[0], texts[1], POINTS))

    def retold(self, moment: datetime, *, priority: str, labels: tuple[str, ...], assignee: str | None) -> Delivery:
        """Another priority, other labels, another assignee."""
        items = [
            change("priority", self.priority, priority),
            change("labels", " ".join(self.labels), " ".join(labels)),
            change("assignee", self.assignee, assignee, numbers=(self.assignee, assignee)),
        ]
        self.priority, self.labels, self.assignee = priority, labels, assignee
        return self.told(moment, *(item for item in items if item["fromString"] != item["toString"]))

    def deleted(self, moment: datetime) -> Delivery:
        """It is deleted."""
        self.is_deleted = True
        return self.told(moment, event="jira:issue_deleted")

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
        connection.execute(text("delete from raw_jira.issues where id = :id"), {"id": ticket.issue_id})
        connection.execute(
            text(
                """
                insert into raw_jira.issues (id, key, updated_at, fields, changelog, _dlt_load_id, _dlt_id)
                values (:id, :key, :updated_at, cast(:fields as jsonb), cast(:changelog as jsonb), :load_id, :id)
                """
            ),
            {
                "id": ticket.issue_id,
                "key": ticket.key,
                "updated_at": moment,
                "fields": json.dumps(ticket.fields(moment)),
                "changelog": json.dumps(ticket.histories) if changelog else None,
                "load_id": load_id,
            },
        )


def bury(engine: Engine, issue_id: str, key: str, state: str, moment: datetime, load_id: str) -> None:
    """Store what the reconciliation found of an issue, replacing what it found before."""
    with engine.begin() as connection:
        connection.execute(text("delete from raw_jira.tombstones where id = :id"), {"id": issue_id})
        connection.execute(
            text(
                """
                insert into raw_jira.tombstones (id, key, state, observed_at, _dlt_load_id, _dlt_id)
                values (:id, :key, :state, :observed_at, :load_id, :id)
                """
            ),
            {"id": issue_id, "key": key, "state": state, "observed_at": moment, "load_id": load_id},
        )
