"""A generated company: tickets, pull requests, deployments and incidents, and what the reference makes of them.

In: seeds of lives. Out: every delivery, and, by the reference alone, the facts of each life and the observations of
which metrics are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import Engine

from tests.dbt import delivery_payloads, jira_payloads
from tests.properties.delivery_lives import REPOSITORIES, SERVICES, PullRequestLife, deploy, go_wrong
from tests.properties.reference.business_time import Calendar
from tests.properties.reference.delivery import (
    DeploymentFacts,
    Outage,
    PullRequestLog,
    deployments,
    hours,
    outages,
    pull_request_facts,
)
from tests.properties.reference.windows import Observation
from tests.properties.reference.work_items import TicketLog, cycle
from tests.properties.ticket_lives import MAPPINGS, TicketLife

Anything = jira_payloads.Delivery | delivery_payloads.Delivery


class Company:
    """Everything that happened between two instants."""

    def __init__(
        self,
        *,
        tickets: Sequence[int],
        pull_requests: Sequence[int],
        runs: Sequence[int],
        signs: Sequence[int],
        begins: datetime,
        ends: datetime,
        calendar: Calendar,
    ) -> None:
        """Each list holds one seed for each life."""
        self.calendar = calendar
        ticket_lives = [TicketLife(seed, place, begins, ends) for place, seed in enumerate(tickets, start=1)]
        self.tickets: dict[str, TicketLog] = {f"PAY-{n}": life.log for n, life in enumerate(ticket_lives, start=1)}
        # Some were opened long before anything was deployed.
        long_before = begins - timedelta(days=60)
        lives = [
            PullRequestLife(seed, place, len(tickets), long_before, ends)
            for place, seed in enumerate(pull_requests, start=1)
        ]
        self.pull_requests = [life.log for life in lives]
        deployed = deploy(runs, [log for log in self.pull_requests if log.merged_at], begins, ends)
        self.runs = deployed.logs
        broken = go_wrong(signs, self.runs, begins, ends)
        self.incidents = broken.logs
        self.deliveries: list[Anything] = [
            *(delivery for life in ticket_lives for delivery in life.deliveries),
            *(delivery for life in lives for delivery in life.deliveries),
            *deployed.deliveries,
            *broken.deliveries,
        ]

    @cached_property
    def deployments(self) -> dict[str, DeploymentFacts]:
        """By run; those that caused an outage say so."""
        facts = deployments(self.runs, self.pull_requests, {name: told[1] for name, told in REPOSITORIES.items()})
        for outage in outages(self.incidents, facts, SERVICES):
            if outage.cause is not None:
                facts[outage.cause].caused_incident = True
        return facts

    @cached_property
    def outages(self) -> list[Outage]:
        """What went wrong, each thing once."""
        return outages(self.incidents, self.deployments, SERVICES)

    @property
    def is_eventful(self) -> bool:
        """Whether what is worth it comes up: rollbacks, causes, many changes, outages of several incidents."""
        facts = self.deployments.values()
        return (
            sum(one.status == "rolled_back" for one in facts) > 2
            and sum(one.caused_incident for one in facts) > 1
            and sum(len(one.changes) for one in facts) > 10
            and any(len(outage.members) > 1 for outage in self.outages)
        )

    def stream_of(self, pull_request: PullRequestLog) -> set[str]:
        """The delivery stream of the ticket that it names, as the ticket stands now."""
        ticket = self.tickets.get(pull_request.ticket or "")
        return {ticket.delivery_stream} if ticket and ticket.delivery_stream else set()

    def techs_of(self, key: str) -> frozenset[str]:
        """A ticket's own technology streams, else those of the pull requests that name it."""
        linked = frozenset(REPOSITORIES[log.repo][0] for log in self.pull_requests if log.ticket == key)
        return self.tickets[key].tech_streams or linked

    def streams_of(self, deployment: DeploymentFacts) -> set[str]:
        """The delivery streams of what it deployed and of what it carried."""
        of_commit = [
            log
            for log in self.pull_requests
            if log.repo == deployment.log.repo and log.merged_at and log.merge_commit == deployment.log.commit
        ]
        return {stream for log in [*of_commit, *deployment.changes] for stream in self.stream_of(log)}

    @cached_property
    def observations(self) -> list[Observation]:
        """What metrics are made of."""
        return [*self._of_tickets(), *self._of_deployments(), *self._of_outages(), *self._of_pull_requests()]

    def _of_tickets(self) -> list[Observation]:
        found = []
        for key, log in self.tickets.items():
            if (lived := cycle(log, MAPPINGS, self.calendar)) is not None:
                streams = {log.delivery_stream or "all", *self.techs_of(key)}
                for kind, value in (("cycle_time", lived.cycle_time), ("flow_efficiency", lived.flow_efficiency)):
                    found.append(self._observed(kind, lived.completed_at, streams, value))
        return found

    def _of_deployments(self) -> list[Observation]:
        found = []
        for facts in self.deployments.values():
            if facts.log.environment != "production":
                continue
            at, tech = facts.log.at, REPOSITORIES[facts.log.repo][0]
            streams = {tech, *self.streams_of(facts)}
            failed = 100.0 if facts.status == "rolled_back" or facts.caused_incident else 0.0
            for kind, value in (
                ("deployment", 1.0 if facts.status == "success" else None),
                ("change_failure", failed),
                ("change_failure_completed", None if facts.status == "failed" else failed),
            ):
                found.append(self._observed(kind, at, streams, value))
            for change in facts.changes:
                lead_time = hours(change.opened_at, at)
                found.append(self._observed("lead_time", at, {tech, *self.stream_of(change)}, lead_time))
        return found

    def _of_outages(self) -> list[Observation]:
        found = []
        for outage in self.outages:
            if outage.resolved_at is not None:
                repos = {SERVICES[one.service] for one in outage.members if one.service in SERVICES}
                streams = {REPOSITORIES[repo][0] for repo in repos}
                if outage.cause is not None:
                    streams |= self.streams_of(self.deployments[outage.cause])
                found.append(self._observed("time_to_restore", outage.resolved_at, streams, outage.minutes_to_restore))
        return found

    def _of_pull_requests(self) -> list[Observation]:
        found = []
        for log in self.pull_requests:
            first = pull_request_facts(log).first_review_at if log.ended_at else None
            if first is not None and log.ready_at is not None:
                streams = {REPOSITORIES[log.repo][0], *self.stream_of(log)}
                found.append(self._observed("review_turnaround", first, streams, hours(log.ready_at, first)))
        return found

    def _observed(self, kind: str, at: datetime, streams: set[str], value: object) -> Observation:
        return Observation(kind, self.calendar.day_of(at), frozenset({*streams, "all"}), value)  # type: ignore[arg-type]


def land(engine: Engine, deliveries: Sequence[Anything]) -> None:
    """Append them to the inbox, in this order."""
    for delivery in deliveries:
        if isinstance(delivery, jira_payloads.Delivery):
            jira_payloads.land(engine, [delivery])
        else:
            delivery_payloads.land(engine, [delivery])
