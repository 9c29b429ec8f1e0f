"""Random lives of pull requests, deployments and incidents: what the vendors would have told, and the logs.

In: a number for each, from which everything follows. Out: deliveries for the inbox and logs for the reference.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.dbt.delivery_payloads import Delivery, PullRequest, deployment, incident
from tests.properties.reference.delivery import DeploymentLog, IncidentLog, PullRequestLog, Review

# Repository: its technology stream, and whether it is deployed.
REPOSITORIES: Mapping[str, tuple[str, bool]] = {
    "acme-core/pay": ("core-api", True),
    "acme-auth/login": ("auth", True),
    "acme-core/library": ("core-api", False),
}
SERVICES = {"pay": "acme-core/pay", "login": "acme-auth/login"}
CONFIGURATION = """
    insert into config.repositories
        (tech_stream_id, github_org, github_repo_name, full_name, deploy_target, is_deployable)
    select streams.stream_id, streams.github_org, told.name, streams.github_org || '/' || told.name, told.target,
        told.target is not null
    from config.tech_streams as streams
    inner join (values ('core-api', 'pay', 'ecs:pay'), ('core-api', 'library', null), ('auth', 'login', 'ecs:login'))
        as told (stream, name, target) on streams.name = told.stream;
"""


def minutes(chance: random.Random, longest: timedelta) -> timedelta:
    """A whole number of minutes, small ones as likely as large ones."""
    limit = max(int(longest.total_seconds() // 60), 1)
    return timedelta(minutes=min(int(chance.lognormvariate(5, 2)) + 1, limit))


class PullRequestLife:
    """One pull request from its opening to its end, if it has one, and what people said afterwards."""

    def __init__(self, seed: int, number: int, ticket_count: int, begins: datetime, ends: datetime) -> None:
        """A life that begins between two instants; its seconds tell it from those of the same repository."""
        self.chance = chance = random.Random(seed)
        span = int((ends - begins).total_seconds() // 60)
        self.now = begins + timedelta(minutes=chance.randrange(span), seconds=number % 60)
        self.ends = ends
        kind = chance.choice(["feature/", "hotfix/", "bugfix/", ""])
        named = f"PAY-{chance.randrange(1, ticket_count + 1)}" if chance.random() < 0.7 else "UTF-8"
        self.pull_request = PullRequest(
            number,
            f"{kind}{named}-change",
            self.now,
            repo=chance.choice(list(REPOSITORIES)),
            author=chance.choice(["ann", "bo"]),
            base=chance.choices(["main", "release-1"], weights=(9, 1))[0],
        )
        self.is_draft = chance.random() < 0.2
        self.log = PullRequestLog(
            repo=self.pull_request.repo,
            number=number,
            author=self.pull_request.author or "",
            opened_at=self.now,
            ready_at=None if self.is_draft else self.now,
            is_to_default_branch=self.pull_request.base == "main",
            is_hotfix=kind == "hotfix/",
            ticket=named if re.match("PAY-", named) else None,
            head="head-1",
            merge_commit=self.pull_request.merge_sha,
        )
        self.deliveries = [self.pull_request.told("opened", self.now, draft=self.is_draft)]
        self._live()

    def _live(self) -> None:
        for _ in range(self.chance.choice([0, 1, 2, 4, 7])):
            if self._goes_on():
                self._step()
        end = self.chance.random()
        if end < 0.8 and self._goes_on():
            self._close(merged=end < 0.7)
            if self.chance.random() < 0.2 and self._goes_on():
                self._review()
            elif end >= 0.75 and self._goes_on():
                self._reopen()

    def _goes_on(self) -> bool:
        self.now += minutes(self.chance, timedelta(days=20))
        return self.now < self.ends

    def _step(self) -> None:
        kind = self.chance.random()
        if self.is_draft and kind < 0.4:
            self.is_draft, self.log.ready_at = False, self.now
            self.deliveries.append(self.pull_request.told("ready_for_review", self.now, head=self.log.head))
        elif kind < 0.65:
            self._review()
        else:
            self.log.head = f"head-{self.now:%d%H%M}"
            self.deliveries.append(
                self.pull_request.told("synchronize", self.now, head=self.log.head, draft=self.is_draft)
            )

    def _review(self) -> None:
        reviewer, kind = self.chance.choice([("ann", "User"), ("bo", "User"), ("cy", "User"), ("robot", "Bot")])
        state = self.chance.choice(["approved", "changes_requested", "commented"])
        self.log.reviews.append(Review(self.now, reviewer, state, kind == "Bot", self.log.head))
        told = self.pull_request.reviewed(
            reviewer, state, self.now, head=self.log.head, draft=self.is_draft, kind=kind, merged=self.log.merged_at,
            closed=self.log.closed_at,
        )  # fmt: skip
        self.deliveries.append(told)

    def _close(self, *, merged: bool) -> None:
        self.log.merged_at, self.log.closed_at = (self.now, None) if merged else (None, self.now)
        told = self.pull_request.told(
            "closed", self.now, head=self.log.head, draft=self.is_draft, merged=self.log.merged_at,
            closed=self.log.closed_at,
        )  # fmt: skip
        self.deliveries.append(told)

    def _reopen(self) -> None:
        if self.log.merged_at is None:
            self.log.closed_at = None
            self.deliveries.append(
                self.pull_request.told("reopened", self.now, head=self.log.head, draft=self.is_draft)
            )


@dataclass(frozen=True)
class Deployments:
    """Runs of pipelines: logs and deliveries."""

    logs: list[DeploymentLog]
    deliveries: list[Delivery]


def deploy(seeds: Sequence[int], merged: Sequence[PullRequestLog], begins: datetime, ends: datetime) -> Deployments:
    """A deployment for each seed, of a commit that was merged by then, mostly the newest; no two at one minute."""
    made = Deployments([], [])
    times: set[datetime] = set()
    for number, seed in enumerate(seeds):
        chance = random.Random(seed)
        span = int((ends - begins).total_seconds() // 60)
        finished = begins + timedelta(minutes=chance.randrange(span))
        if finished in times:
            continue
        times.add(finished)
        repo = chance.choice(list(REPOSITORIES))
        ready = sorted(
            (p for p in merged if p.repo == repo and p.merged_at is not None and p.merged_at <= finished),
            key=lambda p: p.merged_at or finished,
        )
        what = chance.choice(["newest", "newest", "some", "unknown"])
        commit = None
        if ready and what != "unknown":
            commit = (ready[-1] if what == "newest" else chance.choice(ready[-4:])).merge_commit
        log = DeploymentLog(
            run=f"run-{number}",
            repo=repo,
            environment=chance.choices(["production", "staging"], weights=(4, 1))[0],
            at=finished,
            succeeded=chance.random() < 0.85,
            commit=commit,
        )
        more = {"pipeline_run_id": log.run, "environment": log.environment}
        made.deliveries.append(
            deployment(repo, commit, finished, status="success" if log.succeeded else "failure", **more)
        )
        taken_back_at = finished + minutes(chance, timedelta(days=1))
        if log.succeeded and chance.random() < 0.1 and taken_back_at < ends:
            log = replace(log, taken_back_at=taken_back_at)
            made.deliveries.append(deployment(repo, commit, taken_back_at, status="rolled_back", **more))
        made.logs.append(log)
    return made


@dataclass(frozen=True)
class Incidents:
    """Alarms and incidents: logs and deliveries."""

    logs: list[IncidentLog]
    deliveries: list[Delivery]


def go_wrong(seeds: Sequence[int], runs: Sequence[DeploymentLog], begins: datetime, ends: datetime) -> Incidents:
    """An alarm or an incident for each seed, most of them soon after some deployment."""
    made = Incidents([], [])
    times: set[datetime] = set()
    for number, seed in enumerate(seeds):
        chance = random.Random(seed)
        run = chance.choice(runs)
        opened_at = run.at + minutes(chance, timedelta(hours=3))
        if opened_at in times or opened_at >= ends:
            continue
        times.add(opened_at)
        resolved_at = opened_at + minutes(chance, timedelta(days=2))
        log = IncidentLog(
            incident_id=f"sign-{number}",
            is_declared=chance.random() < 0.5,
            service=chance.choice([*SERVICES, "moon"]),
            opened_at=opened_at,
            resolved_at=resolved_at if chance.random() < 0.8 and resolved_at < ends else None,
            names=f"sign-{chance.randrange(number)}" if number and chance.random() < 0.1 else None,
            deployment=chance.choice(runs).run if chance.random() < 0.1 else None,
        )
        kind = "incident" if log.is_declared else "alarm"
        more = {"related_incident_id": log.names, "related_deploy_id": log.deployment}
        first = "incident_opened" if log.is_declared else "alarm_triggered"
        made.deliveries.append(incident(log.incident_id, first, opened_at, log.service, **more))
        if log.resolved_at:
            made.deliveries.append(incident(log.incident_id, f"{kind}_resolved", log.resolved_at, log.service))
        made.logs.append(log)
    return made
