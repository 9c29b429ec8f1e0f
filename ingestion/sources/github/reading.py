"""Pages of one kind of thing of one repository, newest first, each thing complete.

In: a client, a repository, where to begin and how far back to go. Out: `Page` objects with rows ready to be stored.
GitHub gives a query ten seconds: a page that is too much for it is asked for again at half its size. A thing whose
reviews, commits or statuses are longer than a page gets the rest before its row is made. Data beside errors is not
taken: the page is asked for again, smaller, down to the one thing that GitHub cannot give, which is skipped and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from core.privacy import Pseudonymiser
from ingestion.sources.github import payloads, queries
from ingestion.sources.github.client import Answer, GithubClient
from ingestion.sources.github.errors import ForbiddenError, GithubError, TooHeavyError
from ingestion.sources.github.payloads import Node, Row, instant
from ingestion.sources.github.repositories import Repository
from ingestion.sources.tables.github import GITHUB_DEPLOYMENTS, GITHUB_PULL_REQUESTS, GITHUB_RELEASES
from ingestion.sources.tables.shape import RawTable

REMAINDERS_IN_A_QUERY = 10
# Our clock and GitHub's differ, and its lists lag behind a little.
LAG = timedelta(hours=1)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Kind:
    """One kind of thing that repositories have, and how it is read."""

    words: str  # for people, in the plural
    permission: str  # of the App, without which GitHub refuses it
    table: RawTable
    query: str
    page_size: int
    parts: tuple[str, ...]  # lists within it that may go on beyond the page
    ordered_by: Callable[[Node], datetime]
    make_row: Callable[[Node, Repository, Pseudonymiser], Row]
    # How much further back than the last look a look goes.
    overlap: timedelta
    # GitHub can sort it by change; else by creation alone, and what is old may have changed too.
    is_sorted_by_change: bool = False

    @property
    def name(self) -> str:
        """The same as its table's."""
        return self.table.name


PULL_REQUESTS = Kind(
    words="pull requests",
    permission="Pull requests",
    table=GITHUB_PULL_REQUESTS,
    query=queries.PULL_REQUESTS,
    page_size=50,
    parts=("reviews", "commits"),
    ordered_by=lambda node: instant(node["updated_at"]),
    make_row=payloads.pull_request_row,
    overlap=LAG,
    is_sorted_by_change=True,
)
RELEASES = Kind(
    words="releases",
    permission="Contents",
    table=GITHUB_RELEASES,
    query=queries.RELEASES,
    page_size=100,
    parts=(),
    ordered_by=lambda node: instant(node["createdAt"]),
    make_row=payloads.release_row,
    # GitHub sorts releases by creation alone, and a draft may wait long before it is published.
    overlap=timedelta(days=30),
)
DEPLOYMENTS = Kind(
    words="deployments",
    permission="Deployments",
    table=GITHUB_DEPLOYMENTS,
    query=queries.DEPLOYMENTS,
    page_size=50,
    parts=("statuses",),
    ordered_by=lambda node: instant(node["created_at"]),
    make_row=payloads.deployment_row,
    # GitHub sorts deployments by creation alone; the last status may come days after (an approval that was awaited).
    overlap=timedelta(days=7),
)
KINDS = (PULL_REQUESTS, RELEASES, DEPLOYMENTS)


@dataclass(frozen=True)
class Page:
    """Some things of one kind, complete."""

    rows: list[Row]
    total: int  # things of this kind in the repository, of all times
    seen: int  # things on this page, older ones included
    after: str | None  # where the next page begins
    is_last: bool
    skipped: int = 0  # things that GitHub could not give


def read_pages(
    client: GithubClient,
    kind: Kind,
    repository: Repository,
    pseudonymiser: Pseudonymiser,
    *,
    since: datetime,
    after: str | None = None,
    with_older: bool = False,
) -> Iterator[Page]:
    """The pages of a kind, newest first, down to `since`; `after` is where an earlier reading stopped.

    `with_older`: what is older and stands on the last page comes, too.

    Raises `GithubError` (and its kinds) and `Deferred`; every page that was yielded before stands on its own.
    """
    size = kind.page_size
    while True:
        connection, size = _connection(client, kind, repository, after, size)
        nodes = [node for node in connection["nodes"] if node is not None]
        in_time = [node for node in nodes if kind.ordered_by(node) >= since]
        wanted = nodes if with_older else in_time
        for part in kind.parts:
            _complete(client, part, wanted)
        information = connection["pageInfo"]
        is_last = not information["hasNextPage"] or len(in_time) < len(nodes)
        yield Page(
            rows=[kind.make_row(node, repository, pseudonymiser) for node in wanted],
            total=connection["totalCount"],
            seen=len(connection["nodes"]),
            after=information["endCursor"],
            is_last=is_last,
            skipped=len(connection["nodes"]) - len(nodes),
        )
        if is_last:
            return
        if information["endCursor"] in (after, None):
            raise GithubError(f"{repository.full_name}: the same page was given twice; it would never end")
        after = information["endCursor"]


def changed(
    client: GithubClient, repositories: Sequence[Repository], kind: Kind, since: Mapping[str, datetime]
) -> list[Repository]:
    """Those of the repositories in which a kind changed since its instant (by GitHub's number), or may have."""
    found: list[Repository] = []
    for batch in _batches(repositories, queries.REPOSITORIES_IN_A_LOOK):
        variables = {"repositories": [repository.node_id for repository in batch]}
        try:
            answer = client.graphql(queries.NEWEST[kind.name], variables, may_shrink=True)
        except TooHeavyError:
            found += batch
            continue
        for repository, node in zip(batch, answer.data["nodes"], strict=True):
            newest = _newest(node)
            # None: GitHub does not say, so the reading itself finds out why.
            if newest is None or any(change >= since[repository.repository_id] for change in newest):
                found.append(repository)
    return found


def _newest(node: Node | None) -> list[datetime] | None:
    if not node or not node.get("newest"):
        return None
    changes = []
    for thing in node["newest"]["nodes"]:
        if thing is None:
            return None
        written = [thing["updatedAt"], (thing.get("latestStatus") or {}).get("createdAt")]
        changes += [instant(moment) for moment in written if moment]
    return changes


def _connection(
    client: GithubClient, kind: Kind, repository: Repository, after: str | None, size: int
) -> tuple[dict[str, Any], int]:
    """One page and the size at which GitHub could give it."""
    while True:
        variables = {"repository": repository.node_id, "first": size, "after": after}
        try:
            answer = client.graphql(kind.query, variables, may_shrink=size > 1)
        except TooHeavyError:
            if size == 1:
                raise
            size //= 2
            continue
        connection = (answer.data.get("node") or {}).get("page")
        if connection is None:
            raise _refusal(answer, kind, repository)
        if not answer.errors and None not in connection["nodes"]:
            return connection, size
        if size == 1:
            if connection["nodes"] != [None]:
                raise GithubError(f"{repository.full_name}: {kind.words} came with errors, {_messages(answer)}")
            return connection, size
        size //= 2


def _complete(client: GithubClient, part: str, nodes: Sequence[Node]) -> None:
    """Fetch what is missing of a part of each thing, a few things at a time, until nothing is."""
    while cut_off := [node for node in nodes if (node.get(part) or {}).get("pageInfo", {}).get("hasNextPage")]:
        for batch in _batches(cut_off, REMAINDERS_IN_A_QUERY):
            query, variables = queries.remaining_query(
                part, [(node["node_id"], node[part]["pageInfo"]["endCursor"]) for node in batch]
            )
            answer = client.graphql(query, variables)
            for number, node in enumerate(batch):
                rest = (answer.data.get(f"part{number}") or {}).get(part)
                if answer.errors or rest is None or None in rest["nodes"]:
                    raise GithubError(f"the rest of the {part} did not come, {_messages(answer)}")
                if rest["pageInfo"]["hasNextPage"] and not rest["nodes"]:
                    raise GithubError(f"an empty page of {part} is said to go on; it would never end")
                node[part]["nodes"] += rest["nodes"]
                node[part]["pageInfo"] = rest["pageInfo"]


def _refusal(answer: Answer, kind: Kind, repository: Repository) -> GithubError:
    if any(error.get("type") == "FORBIDDEN" for error in answer.errors):
        return ForbiddenError(
            f"{kind.words} may not be read; give the App or the token the permission {kind.permission}: read-only"
        )
    return GithubError(f"{repository.full_name}: no {kind.words} came, {_messages(answer)}")


def _messages(answer: Answer) -> str:
    return "; ".join(str(error.get("message", "")) for error in answer.errors[:3]) or "without a reason"


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
