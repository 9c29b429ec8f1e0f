"""What is read of one organisation in one run, in which order, and from where it goes on after a stop.

In: an organisation, the cursors of its repositories. Out: `Step` objects: rows of one table, and how far the cursor
of their scope may move once they are stored. A repository that cannot be read does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core import clock
from core.privacy import Pseudonymiser
from ingestion.operations import Deferred
from ingestion.sources.github.access import Organisation
from ingestion.sources.github.errors import CursorLostError, ForbiddenError, GithubError, UnavailableError
from ingestion.sources.github.payloads import Row
from ingestion.sources.github.reading import KINDS, LAG, Kind, Page, changed, read_pages
from ingestion.sources.github.repositories import Repository
from ingestion.sources.tables.shape import RawTable

Cursor = dict[str, Any]
MOST_UNAVAILABLE_IN_A_ROW = 3


@dataclass(frozen=True)
class Step:
    """Some rows, and where their scope goes on after them."""

    table: RawTable
    rows: list[Row]
    scope: str
    cursor: Cursor | None


@dataclass
class Plan:
    """The reading of one organisation: first what changed in the repositories that are known, then their past."""

    organisation: Organisation
    pseudonymiser: Pseudonymiser
    cursors: Mapping[str, Cursor]
    backfill: timedelta
    # Repositories that an admin switched off, by GitHub's number.
    left_out: frozenset[str] = frozenset()
    failures: list[tuple[str, GithubError]] = field(default_factory=list)
    deferred: Deferred | None = None
    unavailable_in_a_row: int = 0

    def steps(self) -> Iterator[Step]:
        """All steps. Raises `GithubError` where the repositories cannot be listed; else fails one by one."""
        try:
            self.organisation.client.has_time = False
            repositories = self.repositories()
            for kind in KINDS:
                yield from self._guarded(kind, self._what_changed(kind, repositories), self._changes)
            # The past can wait for another run; what happens now should not wait for it.
            self.organisation.client.has_time = True
            for kind in KINDS:
                past = [one for one in repositories if "looked" not in self.cursors.get(scope(kind, one), {})]
                yield from self._guarded(kind, past, self._past)
        except Deferred as deferred:
            self.deferred = deferred

    def repositories(self) -> list[Repository]:
        """What is read: everything that GitHub lists, but for what an admin switched off."""
        listed = self.organisation.repositories(self.pseudonymiser)
        # Archiving switches off too, and the past of an archived repository still counts.
        return [one for one in listed if one.is_archived or one.repository_id not in self.left_out]

    def _what_changed(self, kind: Kind, repositories: Sequence[Repository]) -> list[Repository]:
        looked = {
            one.repository_id: datetime.fromisoformat(cursor["looked"]) - LAG
            for one in repositories
            if "looked" in (cursor := self.cursors.get(scope(kind, one), {}))
        }
        known = [one for one in repositories if one.repository_id in looked]
        return changed(self.organisation.client, known, kind, looked)

    def _guarded(
        self, kind: Kind, repositories: Sequence[Repository], read: Callable[[Kind, Repository], Iterator[Step]]
    ) -> Iterator[Step]:
        for repository in repositories:
            try:
                yield from read(kind, repository)
            except ForbiddenError as error:
                self.failures.append((self.organisation.label, error))
                return
            except GithubError as error:
                self.failures.append((repository.full_name, error))
                self._give_up_after(error)
            else:
                self.unavailable_in_a_row = 0

    def _give_up_after(self, error: GithubError) -> None:
        """Each further repository would cost minutes of attempts where GitHub is down or the token revoked."""
        self.unavailable_in_a_row += isinstance(error, UnavailableError)
        if self.unavailable_in_a_row >= MOST_UNAVAILABLE_IN_A_ROW:
            raise Deferred(f"GitHub did not answer for {self.unavailable_in_a_row} repositories in a row")

    def _changes(self, kind: Kind, repository: Repository) -> Iterator[Step]:
        began = clock.now()
        looked = datetime.fromisoformat(self.cursors[scope(kind, repository)]["looked"])
        cursor = self.cursors[scope(kind, repository)] | {"looked": began.isoformat()}
        for page in self._look(kind, repository, looked):
            # Newest first: only the end of the reading reaches what was known before.
            yield Step(kind.table, page.rows, scope(kind, repository), cursor if page.is_last else None)

    def _look(self, kind: Kind, repository: Repository, looked: datetime) -> Iterator[Page]:
        with_older = not kind.is_sorted_by_change
        return self._pages(kind, repository, since=looked - kind.overlap, with_older=with_older)

    def _past(self, kind: Kind, repository: Repository) -> Iterator[Step]:
        cursor = self.cursors.get(scope(kind, repository)) or self._beginning()
        try:
            yield from self._past_from(cursor, kind, repository)
        except CursorLostError:
            yield from self._past_from(self._beginning(), kind, repository)

    def _past_from(self, cursor: Cursor, kind: Kind, repository: Repository) -> Iterator[Step]:
        since, read = datetime.fromisoformat(cursor["since"]), int(cursor["read"])
        for page in self._pages(kind, repository, since=since, after=cursor["after"]):
            read += page.seen
            self.organisation.client.meter.say(f"{repository.full_name}: {read:,} of {page.total:,} {kind.words}")
            after = {**cursor, "after": page.after, "read": read}
            # What changed meanwhile is read by the looks, from the instant on at which the backfill began.
            done = {"looked": cursor["began"], "read": read}
            yield Step(kind.table, page.rows, scope(kind, repository), done if page.is_last else after)

    def _beginning(self) -> Cursor:
        now = clock.now()
        return {"began": now.isoformat(), "since": (now - self.backfill).isoformat(), "after": None, "read": 0}

    def _pages(self, kind: Kind, repository: Repository, **extent: Any) -> Iterator[Page]:
        for page in read_pages(self.organisation.client, kind, repository, self.pseudonymiser, **extent):
            if page.skipped:
                skipped = GithubError(f"GitHub could not give {page.skipped} of the {kind.words}; skipped")
                self.failures.append((repository.full_name, skipped))
            yield page


def scope(kind: Kind, repository: Repository) -> str:
    """What the cursor of one kind in one repository is called; a new name of the repository does not change it."""
    return f"{kind.name}:{repository.repository_id}"
