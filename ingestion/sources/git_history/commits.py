"""What the git source sees, whatever it was read from: commits, tags, and where the branches stand.

In: nothing. Out: `Commit`, `Tag`, `Refs`, `History`. A clone (`clone`) and a recorded folder (`recorded`) both yield
these, so recorded history enters by the same door.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class HistoryError(Exception):
    """The history cannot be read; the message says what stands in the way."""


class Commit(NamedTuple):
    """One commit. Times are epoch seconds (a recorded time zone can be as broken as +518:00); None if unreadable."""

    sha: str
    parents: tuple[str, ...]
    author: str  # identifies a person: hashed before it goes anywhere
    committer: str
    authored_at: int | None
    committed_at: int | None
    subject: str
    body: str
    # None where a blob is missing, so that git cannot count; 0 for a merge, which brings nothing of its own.
    added: int | None
    removed: int | None
    files: int | None


class Tag(NamedTuple):
    """One tag that leads to a commit; `tagged_at` in epoch seconds, None if unreadable."""

    name: str
    sha: str
    tagged_at: int | None
    is_annotated: bool


class Refs(NamedTuple):
    """Where a history stands; two readings with equal refs find the same commits, pull requests and tags."""

    head: str  # the default branch's tip
    pull_heads: Mapping[int, str]  # last commit of each pull request, by number, where it is known
    # Pull requests are GitLab's merge requests, whose "(#12)" names an issue.
    are_merge_requests: bool
    # Changes with the tags, and with the depth of a shallow clone, whose oldest commits then look different.
    tags_digest: str
    depth_digest: str

    @property
    def tips(self) -> set[str]:
        """Every commit whose ancestors are the history."""
        return {self.head, *self.pull_heads.values()}


class History(Protocol):
    """A repository's history."""

    @property
    def kind(self) -> str:
        """What it is read from: cursors of different kinds do not mix."""

    def refs(self) -> Refs:
        """Where it stands now."""

    def commits(self, refs: Refs) -> Iterator[Commit]:
        """Every commit that the tips reach, once, in any order."""

    def tags(self) -> Iterator[Tag]:
        """The tags that lead to commits."""


@runtime_checkable
class GrowingHistory(History, Protocol):
    """A history that can tell what changed since it was read."""

    def commits(self, refs: Refs, known: Sequence[str] = (), *, counted: bool = True) -> Iterator[Commit]:
        """Every commit that the tips reach and none of `known` does; uncounted: without numbers."""

    def has(self, shas: Sequence[str]) -> bool:
        """Whether all of these commits are there still."""

    def unreachable(self, known: Sequence[str], refs: Refs) -> Iterator[str]:
        """The commits that `known` reaches and the tips do not: what a force-push took away."""

    def line(self, refs: Refs, behind: str | None = None) -> list[str] | None:
        """The first-parent line of the default branch, oldest first; with `behind`, what came on top of that commit.

        None where `behind` is not on the line.
        """
