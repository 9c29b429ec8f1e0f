"""The GitLab source: merge requests with their reviews, pipelines and deployments of all projects of some groups.

In: a client, the groups, the pseudonymiser. Out: a `Provider` that `ingestion.sources.changes` pulls.
Runs alone with `python -m ingestion.sources.gitlab`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.privacy import Pseudonymiser
from ingestion.sources.changes import Change, Provider, Repository
from ingestion.sources.gitlab import rows
from ingestion.sources.gitlab.client import GitLabClient
from ingestion.sources.http import instant
from ingestion.sources.tables import RawTable
from ingestion.sources.tables.gitlab import GITLAB_DEPLOYMENTS, GITLAB_MERGE_REQUESTS, GITLAB_PIPELINES

# A change that was being saved while the list was read carries an earlier instant than the newest one seen.
OVERLAP = timedelta(minutes=10)
# What a switched-off feature of a project is called there, and what is not asked for then.
_FEATURES = {
    "merge_requests_access_level": {GITLAB_MERGE_REQUESTS.name},
    "builds_access_level": {GITLAB_PIPELINES.name, GITLAB_DEPLOYMENTS.name},
}


@dataclass(frozen=True)
class _Lane:
    """One kind of thing that a project has; `read` makes the row of one."""

    table: RawTable
    client: GitLabClient
    read: Callable[[Repository, dict[str, Any]], tuple[Any, ...]]
    more: tuple[tuple[str, str], ...] = ()
    overlap: timedelta = OVERLAP

    def changes(self, repository: Repository, since: datetime) -> Iterator[Change]:
        """What changed in a project since, the oldest change first."""
        for found in self.client.changed(repository.provider_id, self.table.name, since, **dict(self.more)):
            yield Change(
                key=str(found["id"]),
                position=instant(found["updated_at"]),
                version=str(found["updated_at"]),
                read=lambda found=found: self.read(repository, found),  # type: ignore[misc]
            )


def gitlab(client: GitLabClient, groups: tuple[str, ...], configuration: str, cleaner: Pseudonymiser) -> Provider:
    """Everything that is pulled from one GitLab."""

    def merge_request(repository: Repository, found: dict[str, Any]) -> tuple[Any, ...]:
        def part(name: str, **more: str) -> list[dict[str, Any]]:
            return client.merge_request_part(repository.provider_id, int(found["iid"]), name, **more)

        parts = {
            "notes": part("notes", sort="asc", order_by="created_at"),
            "commits": part("commits"),
            "versions": part("versions"),
            "diffs": part("diffs"),
        }
        return rows.merge_request_row(repository, found, parts, cleaner)

    def pipeline(repository: Repository, found: dict[str, Any]) -> tuple[Any, ...]:
        whole = client.pipeline(repository.provider_id, str(found["id"]))
        return rows.pipeline_row(repository, whole, cleaner)

    def deployment(repository: Repository, found: dict[str, Any]) -> tuple[Any, ...]:
        return rows.deployment_row(repository, found, cleaner)

    return Provider(
        source="gitlab",
        configuration=configuration,
        list_repositories=lambda: list_projects(client, groups),
        lanes=(
            _Lane(GITLAB_MERGE_REQUESTS, client, merge_request, (("state", "all"), ("scope", "all"))),
            _Lane(GITLAB_PIPELINES, client, pipeline),
            _Lane(GITLAB_DEPLOYMENTS, client, deployment),
        ),
        use_meter=client.use_meter,
    )


def list_projects(client: GitLabClient, groups: tuple[str, ...]) -> list[Repository]:
    """The projects of all groups, each once. Raises `VendorError` where a group cannot be read."""
    found = {str(project["id"]): project for group in groups for project in client.projects(group)}
    return [_repository(project) for project in found.values()]


def _repository(project: dict[str, Any]) -> Repository:
    switched_off = (tables for level, tables in _FEATURES.items() if project.get(level) == "disabled")
    return Repository(
        provider_id=str(project["id"]),
        full_name=str(project["path_with_namespace"]),
        default_branch=project.get("default_branch"),
        is_archived=bool(project.get("archived")),
        without=frozenset().union(*switched_off),
    )
