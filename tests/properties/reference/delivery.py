"""Pull requests, deployments and outages: from the log of what happened to the rows that follow from it.

In: `PullRequestLog`, `DeploymentLog`, `IncidentLog`. Out: reviews' facts of each pull request that has ended, what each
deployment carried and became, and the outages with the deployments that caused them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

GUARD = timedelta(days=90)
CORRELATION_WINDOW = timedelta(minutes=60)


@dataclass(frozen=True)
class Review:
    """One submission of a review, of the commit that was the head then."""

    at: datetime
    reviewer: str
    state: str
    is_bot: bool
    head: str


@dataclass
class PullRequestLog:
    """A pull request as it stands; `merged_at` or `closed_at` is its end, none of both means open."""

    repo: str
    number: int
    author: str
    opened_at: datetime
    ready_at: datetime | None
    is_to_default_branch: bool
    is_hotfix: bool
    ticket: str | None
    head: str
    merge_commit: str
    merged_at: datetime | None = None
    closed_at: datetime | None = None
    reviews: list[Review] = field(default_factory=list)

    @property
    def ended_at(self) -> datetime | None:
        """When it was merged, or closed without."""
        return self.merged_at or self.closed_at


@dataclass(frozen=True)
class PullRequestFacts:
    """What 004 §4.4.3 asks of one that has ended."""

    first_review_at: datetime | None
    approved_at: datetime | None
    review_rounds: int
    reviewer_count: int
    rework_cycles: int


def pull_request_facts(log: PullRequestLog) -> PullRequestFacts:
    """Only people other than the author count, and only before the end; the first answer only from ready on."""
    ended_at = log.ended_at
    assert ended_at is not None
    counted = [r for r in log.reviews if not r.is_bot and r.reviewer != log.author and r.at < ended_at]
    asked = [r for r in counted if log.ready_at is not None and r.at >= log.ready_at]
    return PullRequestFacts(
        first_review_at=min((r.at for r in asked), default=None),
        approved_at=min((r.at for r in asked if r.state == "approved"), default=None),
        review_rounds=len(counted),
        reviewer_count=len({r.reviewer for r in counted}),
        rework_cycles=len({r.head for r in counted if r.state == "changes_requested"} - {log.head}),
    )


@dataclass(frozen=True)
class DeploymentLog:
    """One run of a pipeline: how it ended, and when it was taken back by its own word."""

    run: str
    repo: str
    environment: str
    at: datetime
    succeeded: bool
    commit: str | None
    taken_back_at: datetime | None = None

    @property
    def is_live_in_production(self) -> bool:
        """Whether users met it, be it for a while."""
        return self.environment == "production" and self.succeeded


@dataclass
class DeploymentFacts:
    """What became of a deployment."""

    log: DeploymentLog
    rollback_at: datetime | None
    changes: list[PullRequestLog]
    caused_incident: bool = False

    @property
    def status(self) -> str:
        """Its last status."""
        if not self.log.succeeded:
            return "failed"
        return "rolled_back" if self.rollback_at else "success"

    @property
    def lead_times(self) -> list[float]:
        """Hours from each change's opening to this deployment."""
        return [hours(change.opened_at, self.log.at) for change in self.changes]


def hours(start: datetime, end: datetime) -> float:
    """Elapsed hours."""
    return (end - start) / timedelta(hours=1)


def deployments(
    logs: Iterable[DeploymentLog], pull_requests: Sequence[PullRequestLog], deployable: Mapping[str, bool]
) -> dict[str, DeploymentFacts]:
    """By run: every deployment of a repository that is deployed, with its changes and its fate."""
    counted = sorted((log for log in logs if deployable[log.repo]), key=lambda log: log.at)
    facts = {log.run: DeploymentFacts(log, log.taken_back_at, []) for log in counted}
    for repo in deployable:
        merged = [p for p in pull_requests if p.repo == repo and p.merged_at is not None]
        line = [facts[log.run] for log in counted if log.repo == repo and log.is_live_in_production]
        follow(line, merged)
    return facts


def follow(line: Sequence[DeploymentFacts], merged: Sequence[PullRequestLog]) -> None:
    """The production deployments of one repository in order: what each carried, which one took the last one back."""
    merge_times = {p.merge_commit: p.merged_at for p in merged}
    standing: DeploymentFacts | None = None
    for number, here in enumerate(line):
        before = line[number - 1] if number else None
        if before is not None and is_older(here.log, before.log, merge_times):
            before.rollback_at = min(before.rollback_at or here.log.at, here.log.at)
        # What was taken back before this deployment left nothing behind; what was there before it stands again.
        if before is not None and not (before.log.taken_back_at and before.log.taken_back_at <= here.log.at):
            standing = before
        until = reach(here.log, merge_times)
        here.changes = [
            p
            for p in merged
            if p.is_to_default_branch
            and p.merged_at is not None
            and p.merged_at <= until
            and (p.merged_at > reach(standing.log, merge_times) if standing else p.merged_at >= here.log.at - GUARD)
        ]


def reach(log: DeploymentLog, merge_times: Mapping[str, datetime | None]) -> datetime:
    """Up to which merge a deployment goes: that of its commit, else all that were merged by then."""
    return (merge_times.get(log.commit) if log.commit else None) or log.at


def is_older(here: DeploymentLog, before: DeploymentLog, merge_times: Mapping[str, datetime | None]) -> bool:
    """Whether a deployment puts something live that was merged before what ran."""
    ours, theirs = merge_times.get(here.commit or ""), merge_times.get(before.commit or "")
    return ours is not None and theirs is not None and ours < theirs


@dataclass(frozen=True)
class IncidentLog:
    """An alarm of a monitoring system, or an incident that people declared."""

    incident_id: str
    is_declared: bool
    service: str
    opened_at: datetime
    resolved_at: datetime | None
    names: str | None = None
    deployment: str | None = None

    @property
    def reaches_to(self) -> datetime:
        """Until when it overlaps others; one that nobody closed, for the correlation window."""
        return self.resolved_at or self.opened_at + CORRELATION_WINDOW


@dataclass(frozen=True)
class Outage:
    """An alarm and the incidents raised for it: what happened to the users, once."""

    members: tuple[IncidentLog, ...]
    cause: str | None

    @property
    def opened_at(self) -> datetime:
        """The first sign of it."""
        return self.members[0].opened_at

    @property
    def resolved_at(self) -> datetime | None:
        """The last end; none while an incident is open, or, where nobody declared one, an alarm."""
        declared = [one for one in self.members if one.is_declared]
        if any(one.resolved_at is None for one in declared or self.members):
            return None
        return max(one.resolved_at for one in self.members if one.resolved_at is not None)

    @property
    def minutes_to_restore(self) -> float | None:
        """From the first sign to the end."""
        return None if self.resolved_at is None else (self.resolved_at - self.opened_at) / timedelta(minutes=1)


def are_one(one: IncidentLog, other: IncidentLog) -> bool:
    """Whether two belong together: one names the other, or an alarm and an incident of one service overlap."""
    if one.names == other.incident_id or other.names == one.incident_id:
        return True
    return (
        one.service == other.service
        and one.is_declared != other.is_declared
        and one.opened_at <= other.reaches_to
        and other.opened_at <= one.reaches_to
    )


def outages(
    logs: Iterable[IncidentLog], deployments_: Mapping[str, DeploymentFacts], repo_of_service: Mapping[str, str]
) -> list[Outage]:
    """Incidents grouped, each group with the deployment that caused it."""
    groups: list[list[IncidentLog]] = []
    for log in logs:
        tied = [group for group in groups if any(are_one(log, member) for member in group)]
        groups = [group for group in groups if group not in tied] + [[log, *(one for group in tied for one in group)]]
    return [outage(sorted(group, key=lambda one: one.opened_at), deployments_, repo_of_service) for group in groups]


def outage(
    group: Sequence[IncidentLog], deployments_: Mapping[str, DeploymentFacts], repo_of_service: Mapping[str, str]
) -> Outage:
    """The cause is the deployment that the source names, else the latest of the same repository within the window."""
    live = {run: facts.log for run, facts in deployments_.items() if facts.log.is_live_in_production}
    named = next((one.deployment for one in group if one.deployment), None)
    if named in live:
        return Outage(tuple(group), named)
    repo, opened_at = repo_of_service.get(group[0].service), group[0].opened_at
    before = [log for log in live.values() if log.repo == repo and log.at <= opened_at <= log.at + CORRELATION_WINDOW]
    return Outage(tuple(group), max(before, key=lambda log: log.at).run if before else None)
