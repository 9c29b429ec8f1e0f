"""Random changes to what metrics are made of, as the layers below would leave them: cycles, and revisions that tell.

In: a connection and a source of chance. Out: rows of `cycles`, with the revisions by which a build learns of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid3

from sqlalchemy import Connection, text

# Of the macro event_id.
EVENT_NAMESPACE = UUID("8f1c2a5e-3d5b-4c0e-9a6f-0d2b7c41e953")
DELIVERY = (UUID(int=0xD1), UUID(int=0xD2))
TECH = (UUID(int=0xE1), UUID(int=0xE2), UUID(int=0xE3))

STREAMS = """
insert into config.delivery_streams (stream_id, name, display_name) values
    ('00000000-0000-0000-0000-0000000000d1', 'd1', 'D1'), ('00000000-0000-0000-0000-0000000000d2', 'd2', 'D2');
insert into config.tech_streams (stream_id, name, display_name, github_org, github_install_id)
select cast('00000000-0000-0000-0000-0000000000e' || n as uuid), 'e' || n, 'E' || n, 'org-' || n, cast(n as text)
from generate_series(1, 3) as n;
"""


class Changes:
    """One company whose history is rewritten bit by bit; the same seed tells the same history."""

    def __init__(self, connection: Connection, chance: Random, now: datetime) -> None:
        self.connection = connection
        self.chance = chance
        self.now = now

    def some(self) -> None:
        """A handful of each kind: new ones, changed ones, and some that go."""
        for change in (self._item, self._review, self._deployment, self._outage):
            for _ in range(self.chance.randint(2, 6)):
                change(self.chance.randint(1, 25), gone=self.chance.random() < 0.25)
        self._sprint(self.chance.randint(1, 6), self.chance.randint(-60, 0))
        self._confidence()

    def _instant(self) -> datetime:
        # Now and then a clock runs ahead: such a thing counts once its day has come.
        return self.now - timedelta(days=self.chance.triangular(-2, 120, 3))

    def _value(self) -> float | None:
        return None if self.chance.random() < 0.2 else round(self.chance.expovariate(0.1), 4)

    def _streams(self) -> dict[str, Any]:
        delivery = self.chance.choice((None, *DELIVERY))
        return {"delivery": delivery, "tech": self.chance.sample(TECH, self.chance.randint(0, 2))}

    def _run(self, statement: str, **values: Any) -> None:
        self.connection.execute(text(statement), values)

    def _item(self, number: int, gone: bool) -> None:
        key = {"ticket": f"PAY-{number}"}
        self._run("delete from cycles.work_item_cycles where ticket_id = :ticket", **key)
        self._run("delete from events.work_item_arrivals where ticket_id = :ticket", **key)
        self._run(
            "insert into events.work_item_arrivals (ticket_id, revision)"
            " values (:ticket, nextval('staging.build_revision'))",
            **key,
        )
        if gone:
            return
        self._run(
            """
            insert into cycles.work_item_cycles (cycle_id, ticket_id, delivery_stream_id, tech_stream_ids, created_at,
                completed_at, cycle_time_days, flow_efficiency_pct, lead_time_days, stage_durations, is_reopened)
            values (gen_random_uuid(), :ticket, :delivery, cast(:tech as uuid[]), :instant, :instant, :value, :value,
                1, '{}', false)
            """,
            **key,
            **self._streams(),
            instant=self._instant(),
            value=self._value(),
        )

    def _review(self, number: int, gone: bool) -> None:
        streams = self._streams()
        key = {"repo": "acme/pay", "number": number}
        self._run("delete from events.pull_requests where repo_full_name = :repo and pr_number = :number", **key)
        self._run("delete from cycles.pr_cycles where repo_full_name = :repo and pr_number = :number", **key)
        if gone:
            return
        self._run(
            "insert into events.pull_requests (pull_request_key, repo_full_name, pr_number, revision)"
            " values (:repo || '#' || :number, :repo, :number, nextval('staging.build_revision'))",
            **key,
        )
        self._run(
            """
            insert into cycles.pr_cycles (cycle_id, repo_full_name, pr_number, delivery_stream_id, tech_stream_id,
                first_review_at, time_to_first_review_hrs, is_bot, opened_at, closed_at, review_rounds, reviewer_count,
                is_hotfix, rework_cycles, state, has_small_team)
            values (:cycle, :repo, :number, :delivery, :tech, :instant, :value, :bot, :instant, :instant, 1, 1, false,
                0, 'merged', false)
            """,
            **key,
            cycle=uuid3(EVENT_NAMESPACE, f"pull_request_cycle|=acme/pay|={number}"),
            delivery=streams["delivery"],
            tech=next(iter(streams["tech"]), None),
            instant=self._instant(),
            value=self._value(),
            bot=self.chance.random() < 0.1,
        )

    def _deployment(self, number: int, gone: bool) -> None:
        key = {"record": UUID(int=0xA000 + number)}
        streams = self._streams()
        self._run("delete from cycles.deployment_changes where record_id = :record", **key)
        self._run("delete from cycles.deployment_records where record_id = :record", **key)
        if gone:
            return
        told = {"instant": self._instant(), "delivery": streams["delivery"], "tech": next(iter(streams["tech"]), None)}
        self._run(
            """
            insert into cycles.deployment_records (record_id, tech_stream_id, delivery_stream_id, environment,
                deployed_at, status, caused_incident, repo_full_name)
            values (:record, :tech, :delivery, 'production', :instant, :status, :caused, 'acme/pay')
            """,
            **key,
            **told,
            status=self.chance.choice(("success", "success", "failed", "rolled_back")),
            caused=self.chance.random() < 0.2,
        )
        self._run(
            """
            insert into cycles.deployment_changes (record_id, tech_stream_id, delivery_stream_id, pr_number,
                deployed_at, lead_time_hrs)
            select :record, :tech, :other, number, :instant, cast(:value as numeric) * number
            from generate_series(1, :changes) as number
            """,
            **key,
            **told,
            other=self.chance.choice(DELIVERY),
            value=self._value(),
            changes=self.chance.randint(0, 3),
        )

    def _outage(self, number: int, gone: bool) -> None:
        self._run("delete from cycles.incident_records where outage_id = :outage", outage=f"outage-{number}")
        if gone:
            return
        instant = self._instant()
        self._run(
            """
            insert into cycles.incident_records (outage_id, incident_ids, tech_stream_id, opened_at, resolved_at,
                time_to_restore_min, related_record_id, is_change_caused)
            values (:outage, array[:outage], :tech, :instant, :instant, :value, :record, false)
            """,
            outage=f"outage-{number}",
            tech=self.chance.choice((None, *TECH)),
            instant=instant,
            value=self._value(),
            record=UUID(int=0xA000 + self.chance.randint(1, 25)),
        )

    def _sprint(self, number: int, begins_in: int) -> None:
        first_day = (self.now + timedelta(days=begins_in)).date()
        self._run("delete from config.sprints where jira_sprint_id = :id", id=str(number))
        self._run(
            "insert into config.sprints (jira_sprint_id, delivery_stream_id, name, start_date, end_date, state)"
            " values (:id, :delivery, 'S', :first_day, :last_day, 'active')",
            id=str(number),
            delivery=self.chance.choice(DELIVERY),
            first_day=first_day,
            last_day=first_day + timedelta(days=self.chance.choice((6, 13, 100))),
        )

    def _confidence(self) -> None:
        self._run(
            """
            insert into forecast.sprint_confidence (sprint_id, delivery_stream_id, computed_at, computed_on,
                remaining_count, working_days_left, sampled_days, simulation_runs, confidence_pct, error_state)
            values (gen_random_uuid(), :delivery, :now, :day, 1, 1, 60, 1000, :value, 'success')
            """,
            delivery=self.chance.choice(DELIVERY),
            now=self.now,
            day=self.now.date(),
            value=self.chance.randint(0, 100),
        )
