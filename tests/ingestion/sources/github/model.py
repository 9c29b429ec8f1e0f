"""What stands at the GitHub of the tests: organisations, repositories, pull requests, releases, deployments.

In: a few words of each thing. Out: the same thing twice: as GraphQL nodes (for the schema's resolvers) and as the
payload of a webhook, so that a test can compare what each of the two ways makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from tests.ingestion.sources.github.paging import Node, connection, sliced

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(minutes: float) -> str:
    """An instant as GitHub writes it: so many minutes after the start."""
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Account:
    """A person, an organisation or a bot; `login` is the webhook's."""

    login: str
    kind: str = "User"

    @property
    def node(self) -> Node:
        """As GraphQL gives it: a bot without the ending."""
        return {"__typename": self.kind, "login": self.login.removesuffix("[bot]")}

    @property
    def rest(self) -> Node:
        """As REST and webhooks give it."""
        number = sum(map(ord, self.login))
        return {
            "login": self.login,
            "id": number,
            "node_id": f"U_{number}",
            "type": self.kind,
            "html_url": f"https://github.com/{self.login}",
        }


ALICE, BOB, CAROL = Account("alice-of-tests"), Account("bob-of-tests"), Account("carol-of-tests")
DEPENDABOT = Account("dependabot[bot]", "Bot")


@dataclass
class Review:
    """One submitted review."""

    number: int
    minutes: float
    state: str = "approved"
    by: Account | None = BOB
    comments: int = 0

    def node(self, pull: Pull) -> Node:
        """As GraphQL gives it."""
        return {
            "__typename": "PullRequestReview",
            "id": f"PRR_{self.number}",
            "fullDatabaseId": str(self.number),
            "state": self.state.upper(),
            "submittedAt": None if self.state == "pending" else at(self.minutes),
            "author": self.by and self.by.node,
            "commit": {"oid": pull.head_sha},
            "comments": connection(range(self.comments)),
        }

    def rest(self, pull: Pull) -> Node:
        """As webhooks give it."""
        return {
            "id": self.number,
            "node_id": f"PRR_{self.number}",
            "user": self.by and self.by.rest,
            "state": self.state,
            "submitted_at": at(self.minutes),
            "commit_id": pull.head_sha,
            "body": None,
        }


@dataclass
class Pull:
    """One pull request, opened `minutes` after the start."""

    number: int
    minutes: float
    by: Account | None = ALICE
    title: str = "PAY-1 A change"
    body: str = ""
    branch: str = "feature/PAY-1-a-change"
    updated: float | None = None
    merged: float | None = None
    closed: float | None = None
    ready: float | None = None
    is_draft: bool = False
    labels: tuple[str, ...] = ()
    reviews: list[Review] = field(default_factory=list)
    commits: int = 2
    comments: int = 1
    # GitHub cannot give this one.
    is_unreadable: bool = False

    @property
    def changed(self) -> float:
        """Minutes of its last change."""
        submitted = [review.minutes for review in self.reviews]
        return max(self.minutes, self.updated or 0, self.merged or 0, self.closed or 0, self.ready or 0, *submitted)

    @property
    def head_sha(self) -> str:
        """Of its last commit."""
        return f"{self.number:08x}{self.commits:032x}"

    @property
    def _merge_sha(self) -> str | None:
        return f"{self.number:040x}" if self.merged is not None else None

    @property
    def commit_shas(self) -> list[str]:
        """Oldest first."""
        return [f"{self.number:08x}{number:032x}" for number in range(1, self.commits + 1)]

    def node(self, repository: Repo) -> Node:
        """As GraphQL gives it."""
        if self.is_unreadable:
            raise GraphQLError("Something is wrong with this pull request")
        ended = self.merged if self.merged is not None else self.closed
        ready = [{"__typename": "ReadyForReviewEvent", "createdAt": at(self.ready)}] if self.ready is not None else []
        return {
            "__typename": "PullRequest",
            "id": f"PR_{repository.number}_{self.number}",
            "fullDatabaseId": str(self.number + 1_000),
            "number": self.number,
            "title": self.title,
            "body": self.body,
            "isDraft": self.is_draft,
            "state": "MERGED" if self.merged is not None else "CLOSED" if self.closed is not None else "OPEN",
            "merged": self.merged is not None,
            "createdAt": at(self.minutes),
            "updatedAt": at(self.changed),
            "mergedAt": None if self.merged is None else at(self.merged),
            "closedAt": None if ended is None else at(ended),
            "additions": 10,
            "deletions": 4,
            "changedFiles": 2,
            "headRefName": self.branch,
            "headRefOid": self.head_sha,
            "baseRefName": "main",
            "baseRefOid": "b" * 40,
            "author": self.by and self.by.node,
            "headRepositoryOwner": repository.owner.node,
            "mergeCommit": self._merge_sha and {"oid": self._merge_sha},
            "labels": connection([{"name": label} for label in self.labels]),
            "comments": connection(range(self.comments)),
            "timelineItems": connection(ready),
            "reviews": connection([review.node(self) for review in self.reviews]),
            "commits": connection(
                [
                    {"commit": {"oid": sha, "authoredDate": at(number), "committedDate": at(number)}}
                    for number, sha in enumerate(self.commit_shas)
                ]
            ),
        }

    def rest(self, repository: Repo) -> Node:
        """As the webhook's `pull_request` gives it, as far as the platform reads it."""
        ended = self.merged if self.merged is not None else self.closed
        return {
            "id": self.number + 1_000,
            "node_id": f"PR_{repository.number}_{self.number}",
            "number": self.number,
            "title": self.title,
            "body": self.body or None,
            "draft": self.is_draft,
            "state": "open" if ended is None else "closed",
            "merged": self.merged is not None,
            "created_at": at(self.minutes),
            "updated_at": at(self.changed),
            "merged_at": None if self.merged is None else at(self.merged),
            "closed_at": None if ended is None else at(ended),
            "merge_commit_sha": self._merge_sha,
            "user": self.by and self.by.rest,
            "head": {"ref": self.branch, "sha": self.head_sha, "user": repository.owner.rest},
            "base": {"ref": "main", "sha": "b" * 40, "user": repository.owner.rest},
            "labels": [{"id": 1, "name": label, "color": "fff"} for label in self.labels],
            "additions": 10,
            "deletions": 4,
            "changed_files": 2,
            "comments": self.comments,
            "review_comments": sum(review.comments for review in self.reviews),
            "commits": self.commits,
        }


@dataclass
class Release:
    """One release."""

    number: int
    minutes: float
    tag: str = "v1.0.0"
    is_draft: bool = False
    has_tag: bool = True
    by: Account | None = CAROL

    def node(self, _repository: Repo) -> Node:
        """As GraphQL gives it."""
        return {
            "__typename": "Release",
            "databaseId": self.number,
            "tagName": self.tag,
            "createdAt": at(self.minutes),
            "updatedAt": at(self.minutes),
            "publishedAt": None if self.is_draft else at(self.minutes + 1),
            "isDraft": self.is_draft,
            "isPrerelease": False,
            "tagCommit": {"oid": "c" * 40} if self.has_tag else None,
            "author": self.by and self.by.node,
        }


@dataclass
class Deployment:
    """One deployment with its statuses, as (minutes, state)."""

    number: int
    minutes: float
    statuses: list[tuple[float, str]] = field(default_factory=list)
    environment: str = "production"
    ref: str | None = "v1.0.0"
    by: Account = CAROL

    def node(self, _repository: Repo) -> Node:
        """As GraphQL gives it: the newest status first."""
        statuses = [self._status(number) for number in range(len(self.statuses))][::-1]
        return {
            "__typename": "Deployment",
            "id": f"DE_{self.number}",
            "databaseId": self.number,
            "commitOid": "d" * 40,
            "task": "deploy",
            "description": f"asked for by @{self.by.login}",
            "environment": self.environment,
            "originalEnvironment": self.environment,
            "createdAt": at(self.minutes),
            "updatedAt": at(max([self.minutes, *(minutes for minutes, _ in self.statuses)])),
            "ref": self.ref and {"name": self.ref},
            "creator": self.by.node,
            "statuses": connection(statuses),
            "latestStatus": statuses[0] if statuses else None,
        }

    def _status(self, number: int) -> Node:
        minutes, state = self.statuses[number]
        return {
            "__typename": "DeploymentStatus",
            "id": f"DES_{self.number}_{number}",
            "state": state.upper(),
            "description": "",
            "environment": self.environment,
            "createdAt": at(minutes),
            "updatedAt": at(minutes),
            "creator": self.by.node,
        }

    def rest_status(self, number: int) -> Node:
        """As the webhook's `deployment_status` gives it."""
        minutes, state = self.statuses[number]
        return {"id": number, "state": state, "created_at": at(minutes), "environment": self.environment}


@dataclass
class Repo:
    """One repository."""

    number: int
    owner: Account
    name: str
    default_branch: str = "main"
    is_archived: bool = False
    is_fork: bool = False
    pulls: list[Pull] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    # What the App may not read here, by GraphQL's name.
    forbidden: frozenset[str] = frozenset()

    @property
    def full_name(self) -> str:
        """As everybody calls it."""
        return f"{self.owner.login}/{self.name}"

    @property
    def node_id(self) -> str:
        """GraphQL's name of it."""
        return f"R_{self.number}"

    @property
    def node(self) -> Node:
        """As GraphQL gives it: the lists in the order that is asked for, newest first."""
        return {
            "__typename": "Repository",
            "id": self.node_id,
            "pullRequests": self._list("pullRequests", self.pulls, "updatedAt", ("UPDATED_AT",)),
            "releases": self._list("releases", self.releases, "createdAt", ("CREATED_AT",)),
            "deployments": self._list("deployments", self.deployments, "createdAt", ("CREATED_AT",)),
        }

    @property
    def rest(self) -> Node:
        """As REST and webhooks give it."""
        return {
            "id": self.number,
            "node_id": self.node_id,
            "name": self.name,
            "full_name": self.full_name,
            "owner": self.owner.rest,
            "private": True,
            "html_url": f"https://github.com/{self.full_name}",
            "fork": self.is_fork,
            "archived": self.is_archived,
            "default_branch": self.default_branch,
        }

    def _list(self, name: str, things: Iterable[Any], order: str, fields: tuple[str, ...]) -> Callable[..., Node]:
        def resolve(info: GraphQLResolveInfo, **arguments: Any) -> Node:
            if name in self.forbidden:
                raise GraphQLError("Resource not accessible by integration", extensions={"type": "FORBIDDEN"})
            asked = arguments["orderBy"]
            assert asked["field"] in fields
            assert asked["direction"] == "DESC"
            keyed = [(_order(thing, order), thing) for thing in things]
            keyed.sort(key=lambda pair: pair[0], reverse=True)
            return sliced(keyed, info, arguments, lambda thing: _later(thing, self), descending=True)

        return resolve


def _order(thing: Any, order: str) -> str:
    minutes = thing.changed if order == "updatedAt" and isinstance(thing, Pull) else thing.minutes
    return f"{at(minutes)} {thing.number:09d}"


def _later(thing: Any, repository: Repo) -> Any:
    """A thing that cannot be given fails as its own null in the list, not as the whole list."""
    try:
        return thing.node(repository)
    except GraphQLError as error:
        return error
