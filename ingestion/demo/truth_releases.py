"""What is true of the demo's deployments and outages, worked out from the simulation, without SQL.

In: deployments, pull requests and outages of a history. Out: each production deployment with its status,
its changes and the incidents that it is blamed for, by the rules of specification 004 §5.4.4 and §6.4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.demo.company import UNKNOWN_REPOSITORY
from ingestion.demo.history import Deployment, Outage, PullRequest

WINDOW_SECONDS = 60 * 60


@dataclass(frozen=True, slots=True)
class ChangeTruth:
    """A pull request in a production deployment that carried it; hours are elapsed hours."""

    pr_number: int
    is_bot: bool
    opened_at: int
    lead_time_hrs: float
    is_first: bool  # no earlier production deployment carried it


@dataclass(frozen=True, slots=True)
class DeploymentTruth:
    """One production deployment that succeeded or failed; repository and instant identify it."""

    deployment_id: str
    repo_full_name: str
    tech_stream: str | None  # None for the repository that nobody registered
    deployed_at: int
    status: str  # success, failed or rolled_back
    changes: tuple[ChangeTruth, ...]
    incident_ids: tuple[str, ...]

    @property
    def is_failure(self) -> bool:
        """Whether the change failure rate counts it."""
        return self.status == "rolled_back" or bool(self.incident_ids)


def deployment_truths(
    deployments: Sequence[Deployment], pull_requests: Sequence[PullRequest], outages: Sequence[Outage]
) -> list[DeploymentTruth]:
    """The truth about every production deployment, in time order."""
    production = [each for each in deployments if each.environment == "production" and each.status != "cancelled"]
    taken_back = _taken_back(production)
    changes = _changes(production, pull_requests, taken_back)
    blamed = _blamed(production, outages)
    return [
        DeploymentTruth(
            deployment_id=each.deployment_id,
            repo_full_name=each.repository.full_name,
            tech_stream=None if each.repository == UNKNOWN_REPOSITORY else each.repository.tech_stream.name,
            deployed_at=each.completed_at,
            status="failed" if each.status == "failure" else "rolled_back" if id(each) in taken_back else "success",
            changes=changes.get(id(each), ()),
            incident_ids=blamed.get(id(each), ()),
        )
        for each in sorted(production, key=lambda each: (each.completed_at, each.deployment_id))
    ]


def _taken_back(production: Sequence[Deployment]) -> dict[int, int]:
    """Deployments that did not stay, by identity, with the instant: undone by their pipeline or by name."""
    found = {id(each): each.rolled_back_at for each in production if each.rolled_back_at is not None}
    for each in production:
        if each.rollback_of is not None and each.status == "success":
            found[id(each.rollback_of)] = each.completed_at
    return found


def _changes(
    production: Sequence[Deployment], pull_requests: Sequence[PullRequest], taken_back: dict[int, int]
) -> dict[int, tuple[ChangeTruth, ...]]:
    """For each deployment what was merged after the last successful one's commit and up to its own.

    A deployment that was taken back before the next one is not successful, so the next one carries its
    changes again; `is_first` marks the first time.
    """
    merged: dict[str, list[tuple[int, PullRequest]]] = defaultdict(list)
    for pull_request in pull_requests:
        if pull_request.merged_at is not None and pull_request.base_branch == "main":
            merged[pull_request.repository.full_name].append((pull_request.merged_at, pull_request))
    line: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    found: dict[int, tuple[ChangeTruth, ...]] = {}
    for each in sorted(production, key=lambda each: each.completed_at):
        if each.status != "success":
            continue
        repository = each.repository.full_name
        reach = each.head.merged_at
        assert reach is not None
        carried = [change for at, change in merged[repository] if line.get(repository, 0) < at <= reach]
        found[id(each)] = tuple(
            ChangeTruth(
                pr_number=change.number,
                is_bot=change.is_bot,
                opened_at=change.opened_at,
                lead_time_hrs=(each.completed_at - change.opened_at) / 3600,
                is_first=(repository, change.number) not in seen,
            )
            for change in carried
        )
        seen |= {(repository, change.number) for change in carried}
        if id(each) not in taken_back:
            line[repository] = reach
    return found


def _blamed(production: Sequence[Deployment], outages: Sequence[Outage]) -> dict[int, tuple[str, ...]]:
    """The incidents that each deployment is blamed for: stated by the source, else by time and repository."""
    found: dict[int, list[str]] = defaultdict(list)
    for outage in outages:
        if outage.repository is None:
            continue
        cause = outage.related_deployment
        if cause is None:
            candidates = [
                each
                for each in production
                if each.repository is outage.repository
                and each.status == "success"
                and 0 <= outage.opened_at - each.completed_at <= WINDOW_SECONDS
            ]
            cause = max(candidates, key=lambda each: each.completed_at, default=None)
        if cause is not None:
            found[id(cause)] += [signal.incident_id for signal in outage.signals]
    return {key: tuple(ids) for key, ids in found.items()}
