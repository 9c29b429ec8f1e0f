"""The Bitbucket Cloud source: pull requests with their reviews, pipelines with their deployments.

In: a client, the workspaces, the pseudonymiser. Out: a `Provider` that `ingestion.sources.changes` pulls.
Runs alone with `python -m ingestion.sources.bitbucket`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.privacy import Pseudonymiser
from ingestion.sources.bitbucket import rows
from ingestion.sources.bitbucket.client import BitbucketClient
from ingestion.sources.changes import Change, Provider, Repository
from ingestion.sources.http import instant
from ingestion.sources.tables import RawTable
from ingestion.sources.tables.bitbucket import BITBUCKET_PIPELINES, BITBUCKET_PULL_REQUESTS


@dataclass(frozen=True)
class _PullRequests:
    """Pull requests by their last change."""

    client: BitbucketClient
    cleaner: Pseudonymiser
    table: RawTable = BITBUCKET_PULL_REQUESTS
    # A change that was being saved while the list was read carries an earlier instant than the newest one seen.
    overlap: timedelta = timedelta(minutes=10)

    def changes(self, repository: Repository, since: datetime) -> Iterator[Change]:
        """What changed in a repository since, the oldest change first."""
        for found in self.client.changed_pull_requests(repository.full_name, since):
            yield Change(
                key=str(found["id"]),
                position=instant(found["updated_on"]),
                version=str(found["updated_on"]),
                read=lambda found=found: self._read(repository, found),  # type: ignore[misc]
            )

    def _read(self, repository: Repository, found: dict[str, Any]) -> tuple[Any, ...]:
        name, number = repository.full_name, int(found["id"])
        parts = {
            part: self.client.pull_request_part(name, number, part) for part in ("activity", "commits", "diffstat")
        }
        short = (found.get("merge_commit") or {}).get("hash")
        whole = self.client.whole_hash(name, str(short)) if short else None
        return rows.pull_request_row(repository, found, whole, parts, self.cleaner)


@dataclass(frozen=True)
class _Pipelines:
    """Pipelines by their start: Bitbucket cannot be asked for those that changed."""

    client: BitbucketClient
    table: RawTable = BITBUCKET_PIPELINES
    # So long a pipeline may run, or wait for somebody to start its deployment, and is looked at again.
    overlap: timedelta = timedelta(days=3)

    def changes(self, repository: Repository, since: datetime) -> Iterator[Change]:
        """Pipelines that began since, and older ones that deployed since, the oldest first."""
        name = repository.full_name
        found = {str(each["uuid"]): each for each in self.client.pipelines(name, since)}
        deployments: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in self.client.deployments(name):
            pipeline = ((each.get("release") or {}).get("pipeline") or {}).get("uuid")
            if pipeline is not None:
                deployments[str(pipeline)].append(each)
        for uuid in [uuid for uuid, of_it in deployments.items() if uuid not in found and _is_new(of_it, since)]:
            pipeline = self.client.pipeline(name, uuid)
            if pipeline is not None:
                found[uuid] = pipeline
        listed = self.client.environments(name) if deployments.keys() & found.keys() else []
        environments = {str(each["uuid"]): each for each in listed}
        for each in sorted(found.values(), key=lambda pipeline: instant(pipeline["created_on"])):
            steps = deployments[str(each["uuid"])]
            yield Change(
                key=str(each["uuid"]),
                position=instant(each["created_on"]),
                version=rows.version(each, steps),
                read=lambda each=each, steps=steps: rows.pipeline_row(  # type: ignore[misc]
                    repository, each, steps, environments
                ),
            )


def _is_new(deployments: list[dict[str, Any]], since: datetime) -> bool:
    started = [(each.get("state") or {}).get("started_on") for each in deployments]
    return any(at is not None and instant(at) >= since for at in started)


def bitbucket(
    client: BitbucketClient, workspaces: tuple[str, ...], configuration: str, cleaner: Pseudonymiser
) -> Provider:
    """Everything that is pulled from Bitbucket."""
    return Provider(
        source="bitbucket",
        configuration=configuration,
        list_repositories=lambda: list_repositories(client, workspaces),
        lanes=(_PullRequests(client, cleaner), _Pipelines(client)),
        use_meter=client.use_meter,
    )


def list_repositories(client: BitbucketClient, workspaces: tuple[str, ...]) -> list[Repository]:
    """The repositories of all workspaces. Raises `VendorError` where a workspace cannot be read."""
    return [_repository(found) for workspace in workspaces for found in client.repositories(workspace)]


def _repository(found: dict[str, Any]) -> Repository:
    branch = (found.get("mainbranch") or {}).get("name")
    return Repository(provider_id=str(found["uuid"]), full_name=str(found["full_name"]), default_branch=branch)
