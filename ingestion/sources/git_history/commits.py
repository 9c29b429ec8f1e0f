"""One commit as the git source sees it, whatever it was read from.

In: nothing. Out: `Commit`, `History`. A clone (`clone`) and a recorded folder (`recorded`) both yield these,
so recorded history enters by the same door.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol


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


class History(Protocol):
    """A repository's history."""

    @property
    def line(self) -> Sequence[str]:
        """The default branch's first-parent line, oldest first: what stood on the branch, one after the other."""

    @property
    def pull_heads(self) -> Mapping[int, str]:
        """Last commit of each pull request, by number, where it is known."""

    def commits(self) -> Iterator[Commit]:
        """Every commit once, in any order."""
