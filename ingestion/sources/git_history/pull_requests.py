"""Pull requests out of the commit graph.

In: commits, the default branch's tip and, where known, the last commit of each pull request. Out: `MergedPullRequest`s.
Two traces of a pull request stay in a history: the merge commit "Merge pull request #12 from owner/branch", and the
squash "Title (#12)". What a merge brought is what can be reached from it but not from its first parent.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ingestion.sources.git_history.commits import Commit
from ingestion.sources.git_history.marks import Mark, Method, mark_of

_UNKNOWN = -1


class MergedPullRequest(NamedTuple):
    """One merged pull request. Times are epoch seconds; numbers are None where one of its commits has none."""

    number: int
    merge_sha: str
    branch: str | None
    author: str
    first_commit_at: int | None
    merged_at: int | None
    title: str
    method: Method
    added: int | None
    removed: int | None
    files: int | None


class _Candidate(NamedTuple):
    """A commit whose message says that it brought a pull request in."""

    sha: str
    mark: Mark


@dataclass
class _Sum:
    """What a set of commits adds up to."""

    first_at: int | None = None
    added: int | None = 0
    removed: int | None = 0
    files: int | None = 0

    def include(self, other: _Sum) -> None:
        if other.first_at is not None:
            self.first_at = other.first_at if self.first_at is None else min(self.first_at, other.first_at)
        self.added = _plus(self.added, other.added)
        self.removed = _plus(self.removed, other.removed)
        self.files = _plus(self.files, other.files)


@dataclass
class _Line:
    """A line of first parents that is being walked, oldest commit last; `brought` sums up the whole line."""

    waiting: list[int]
    side: _Sum = field(default_factory=_Sum)
    others: list[int] | None = None
    brought: _Sum = field(default_factory=_Sum)


class CommitGraph:
    """The parents, times and numbers of all commits, some 300 bytes each; give it every commit, then ask."""

    def __init__(self, pull_heads: Mapping[int, str], *, are_merge_requests: bool = False) -> None:
        self._pull_heads = pull_heads
        self._are_merge_requests = are_merge_requests
        self._index: dict[str, int] = {}
        self._parents: list[tuple[int, ...] | None] = []
        self._authored_at = array("q")
        self._committed_at = array("q")
        self._added = array("q")
        self._removed = array("q")
        self._files = array("q")
        self._author_index: dict[str, int] = {}
        self._author = array("l")
        self._candidates: dict[int, _Candidate] = {}

    def add(self, commit: Commit) -> None:
        """Take in one commit; the order does not matter."""
        place = self._place
        index = place(commit.sha)
        self._parents[index] = tuple([place(sha) for sha in commit.parents])
        self._author[index] = self._author_index.setdefault(commit.author, len(self._author_index))
        self._authored_at[index] = _UNKNOWN if commit.authored_at is None else commit.authored_at
        self._committed_at[index] = _UNKNOWN if commit.committed_at is None else commit.committed_at
        if commit.added is not None and commit.removed is not None and commit.files is not None:
            self.count(commit.sha, commit.added, commit.removed, commit.files)
        mark = mark_of(commit, self._pull_heads, are_merge_requests=self._are_merge_requests)
        if mark is not None:
            self._candidates[index] = _Candidate(commit.sha, mark)

    def count(self, sha: str, added: int, removed: int, files: int) -> None:
        """Take in the numbers of a commit that was given without them; one that was never given does not matter."""
        index = self._index.get(sha)
        if index is not None:
            self._added[index] = added
            self._removed[index] = removed
            self._files[index] = files

    @property
    def has_candidates(self) -> bool:
        """Whether any commit says that it brought a pull request in."""
        return bool(self._candidates)

    def line(self, tip: str) -> list[str]:
        """The first-parent line of `tip`, oldest first, as far as its commits were given."""
        shas = list(self._index)
        found: list[str] = []
        index = self._index.get(tip, _UNKNOWN)
        while index != _UNKNOWN and (parents := self._parents[index]) is not None:
            found.append(shas[index])
            index = parents[0] if parents else _UNKNOWN
        return found[::-1]

    def pull_requests(self, tip: str) -> Iterator[MergedPullRequest]:
        """The pull requests that the line of `tip` brought in, the oldest first; a number comes once.

        Walks every line of first parents from its oldest commit on. Whatever a merge reaches on its other parents
        that was not seen before is what it brought: each commit is visited once, so this is linear.
        """
        authors = list(self._author_index)
        seen = bytearray(len(self._parents))
        given: set[int] = set()
        lines = [_Line(self._first_parents(self._index[tip], seen))] if tip in self._index else []
        while lines:
            line = lines[-1]
            if not line.waiting:
                lines.pop()
                if lines:
                    lines[-1].side.include(line.brought)
                continue
            index = line.waiting[-1]
            if line.others is None:
                line.others = self._other_parents(index)
            if line.others:
                lines.append(_Line(self._first_parents(line.others.pop(), seen)))
                continue
            line.waiting.pop()
            side, line.side, line.others = line.side, _Sum(), None
            candidate = self._candidates.get(index)
            if candidate and candidate.mark.number not in given:
                given.add(candidate.mark.number)
                yield self._pull_request(index, candidate, side, authors)
            line.brought.include(side)
            line.brought.include(self._own(index))

    def _place(self, sha: str) -> int:
        index = self._index.get(sha)
        if index is None:
            index = self._index[sha] = len(self._parents)
            self._parents.append(None)
            self._author.append(_UNKNOWN)
            for values in (self._authored_at, self._committed_at, self._added, self._removed, self._files):
                values.append(_UNKNOWN)
        return index

    def _first_parents(self, index: int, seen: bytearray) -> list[int]:
        """The line of first parents from `index` down to a commit that was seen or is not there; marks them seen."""
        line: list[int] = []
        while not seen[index]:
            parents = self._parents[index]
            if parents is None:
                break
            seen[index] = 1
            line.append(index)
            if not parents:
                break
            index = parents[0]
        return line

    def _other_parents(self, index: int) -> list[int]:
        """Parents but the first; a squash counts the head of its pull request as one, where it is known."""
        others = list((self._parents[index] or ())[1:])
        candidate = self._candidates.get(index)
        if candidate and candidate.mark.method == "squash":
            head = self._index.get(self._pull_heads.get(candidate.mark.number, ""))
            if head is not None and head != index:
                others.append(head)
        return others

    def _own(self, index: int) -> _Sum:
        is_merge = len(self._parents[index] or ()) > 1
        return _Sum(
            # A merge made while the branch was open is not work of its own; nor can it be the first commit.
            None if is_merge else _known(self._authored_at[index]),
            _known(self._added[index]),
            _known(self._removed[index]),
            _known(self._files[index]),
        )

    def _pull_request(self, index: int, candidate: _Candidate, side: _Sum, authors: list[str]) -> MergedPullRequest:
        sha, mark = candidate
        is_merge = mark.method == "merge"
        head = (self._parents[index] or ())[1] if is_merge else index
        own = side if is_merge else self._own(index)
        # A shallow clone may lack the head; then the merge says who.
        author = self._author[head] if self._author[head] != _UNKNOWN else self._author[index]
        return MergedPullRequest(
            mark.number,
            sha,
            mark.branch,
            authors[author],
            side.first_at if side.first_at is not None else _known(self._authored_at[index]),
            _known(self._committed_at[index]),
            mark.title,
            mark.method,
            own.added,
            own.removed,
            own.files,
        )


def _known(value: int) -> int | None:
    return None if value == _UNKNOWN else value


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
