"""Reading many repositories a piece at a time: cursors, budgets, and a broken repository that stops no other.

In: lanes (kinds of things that a repository has: merge requests, pipelines …), each listing its changes oldest first.
Out: rows of raw tables, committed piece by piece; after each piece the cursors of what it brought are written, so a
killed pull goes on where the last committed piece ended. What cannot be read is told at the end; where the vendor has
had enough requests, what was read is stored and the rest is put off.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import dlt
from dlt.extract import DltResource, DltSource
from dlt.pipeline.exceptions import PipelineStepFailed
from sqlalchemy import Engine

from core import clock
from core.database import database_url, make_engine
from core.settings import Settings, SettingsError
from ingestion import pipelines
from ingestion.operations import Deferred, Meter, on_record, read_cursor, write_cursor
from ingestion.pipelines import LoadResult
from ingestion.sources.http import TokenRefused, TooManyRequests, VendorError
from ingestion.sources.tables import Batch, RawTable

ROWS_IN_A_PIECE = 1_000
ROWS_IN_A_BATCH = 100
# So many in a row mean that the vendor is down, not that the repositories are broken.
MOST_BROKEN_IN_A_ROW = 5


class BrokenRepositories(Exception):
    """Some repositories could not be read; the others are stored. One sentence for each."""


@dataclass(frozen=True)
class Repository:
    """A repository as its vendor lists it; `provider_id` survives a new name."""

    provider_id: str
    full_name: str
    default_branch: str | None
    is_archived: bool = False
    # The kinds of things that are switched off there.
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """One thing that may have changed: where it stands in time, what tells its states apart, how to read it whole."""

    key: str
    position: datetime
    version: str
    read: Callable[[], tuple[Any, ...]]


class Lane(Protocol):
    """One kind of thing, such as merge requests, and how its changes are listed."""

    @property
    def table(self) -> RawTable:
        """Where its rows go."""

    @property
    def overlap(self) -> timedelta:
        """How far before the newest change that was seen the next listing begins."""

    def changes(self, repository: Repository, since: datetime) -> Iterator[Change]:
        """What changed since, the oldest position first. Raises `VendorError`."""


@dataclass
class Provider:
    """What is pulled from one vendor. `source` is its name in the records, `configuration` what was asked for."""

    source: str
    configuration: str
    list_repositories: Callable[[], list[Repository]]
    lanes: Sequence[Lane]
    use_meter: Callable[[Meter], None]


@dataclass
class _Cursor:
    """How far one lane of one repository was read, and what stood in the overlap."""

    since: datetime
    seen: dict[str, str] = field(default_factory=dict)
    positions: dict[str, datetime] = field(default_factory=dict)

    def pass_over(self, change: Change) -> None:
        self.since = max(self.since, change.position)
        self.seen[change.key] = change.version
        self.positions[change.key] = change.position

    def stored(self, overlap: timedelta) -> dict[str, Any]:
        kept = {key: at for key, at in self.positions.items() if at >= self.since - overlap}
        return {
            "since": self.since.isoformat(),
            "seen": {key: [self.seen[key], at.isoformat()] for key, at in kept.items()},
        }

    @classmethod
    def restored(cls, stored: dict[str, Any] | None, beginning: datetime) -> _Cursor:
        if stored is None:
            return cls(beginning)
        seen = stored["seen"]
        return cls(
            datetime.fromisoformat(stored["since"]),
            {key: version for key, (version, _) in seen.items()},
            {key: datetime.fromisoformat(at) for key, (_, at) in seen.items()},
        )


def pull(provider: Provider, settings: Settings, *, operation: str = "pull") -> list[LoadResult]:
    """Bring the raw tables of a vendor up to date; one result for each committed piece.

    Raises `PipelineStepFailed` where nothing more can be read (a refused token, a vendor that is down), and
    `BrokenRepositories` at the end where single repositories could not be read, `Deferred` where the vendor will answer
    no more for now; what was read is stored in each case, and the next pull goes on from there.
    """
    engine = make_engine(database_url(settings), pool_size=2)
    try:
        walk = _Walk(provider, settings, engine)
        results = []
        while not walk.is_over:
            meter = Meter()
            provider.use_meter(meter)
            source = _source(provider, walk, meter)
            results.append(pipelines.run(source, settings, provider.configuration, operation=operation, meter=meter))
            walk.remember()
        if walk.broken:
            _report(engine, provider, walk.broken, operation)
        if walk.deferred:
            with on_record(engine, provider.source, provider.configuration, operation=operation):
                raise Deferred(walk.deferred)
        return results
    finally:
        engine.dispose()


def _report(engine: Engine, provider: Provider, broken: dict[str, VendorError], operation: str) -> None:
    """A failed row on record for each broken repository, and one exception for all."""
    for name, error in broken.items():
        with (
            suppress(VendorError),
            on_record(
                engine, provider.source, f"{provider.configuration} {name}", operation=operation, query=name,
                reason=str,
            ),
        ):  # fmt: skip
            raise error
    sentences = "; ".join(f"{name}: {error}" for name, error in broken.items())
    raise BrokenRepositories(f"{len(broken)} could not be read: {sentences}")


def _source(provider: Provider, walk: _Walk, meter: Meter) -> DltSource:
    """The next piece as a dlt source: one resource for each lane, read one after the other."""

    def resource(lane: Lane) -> DltResource:
        def batches() -> Iterator[Batch]:
            yield from walk.batches(lane, meter)

        table = lane.table
        return dlt.resource(batches, name=table.name, primary_key=table.key, columns=table.hints, max_table_nesting=0)

    @dlt.source(name=provider.source)
    def piece() -> list[DltResource]:
        return [resource(lane) for lane in provider.lanes]

    return piece()


class _Walk:
    """Where a pull stands: lane after lane, repository after repository, until the budget of a piece is used up."""

    def __init__(self, provider: Provider, settings: Settings, engine: Engine) -> None:
        self.broken: dict[str, VendorError] = {}
        # Why the rest was put off; empty where nothing was.
        self.deferred = ""
        self.is_over = False
        self._provider = provider
        self._engine = engine
        self._beginning = clock.now() - timedelta(days=settings.backfill_days)
        self._is_known = (
            pipelines.fetched_until(settings, provider.source, provider.configuration, provider.lanes[0].table)
            is not None
        )
        self._repositories: list[Repository] | None = None
        self._cursors: dict[str, _Cursor] = {}
        self._changed: set[str] = set()
        self._finished: set[str] = set()
        self._broken_in_a_row = 0
        self._budget = ROWS_IN_A_PIECE
        self._in_piece: set[tuple[str, str]] = set()

    def batches(self, lane: Lane, meter: Meter) -> Iterator[Batch]:
        """The rows of one lane that the budget allows."""
        if self._repositories is None and not self.deferred:
            try:
                self._repositories = self._provider.list_repositories()
            except TooManyRequests as error:
                self._put_off(error)
        for number, repository in enumerate(self._repositories or (), start=1):
            scope = f"{repository.provider_id} {lane.table.name}"
            if scope in self._finished or lane.table.name in repository.without:
                continue
            if self._budget <= 0:
                return
            meter.say(
                f"{repository.full_name}: {lane.table.name}, {number} of {len(self._repositories or ())} repositories"
            )
            yield from self._of_repository(lane, repository, scope)

    def remember(self) -> None:
        """Write the cursors of what was committed, and take up a new budget."""
        with self._engine.begin() as connection:
            for scope in sorted(self._changed):
                lane = next(lane for lane in self._provider.lanes if scope.endswith(f" {lane.table.name}"))
                write_cursor(
                    connection, self._provider.source, scope, self._provider.configuration,
                    self._cursors[scope].stored(lane.overlap),
                )  # fmt: skip
        self._changed.clear()
        self._in_piece.clear()
        self.is_over = self._budget > 0 or bool(self.deferred)
        self._budget = ROWS_IN_A_PIECE

    def _of_repository(self, lane: Lane, repository: Repository, scope: str) -> Iterator[Batch]:
        rows: list[tuple[Any, ...]] = []
        cursor = self._cursor(scope)
        try:
            for change in lane.changes(repository, max(self._beginning, cursor.since - lane.overlap)):
                if cursor.seen.get(change.key) == change.version:
                    continue
                if (scope, change.key) in self._in_piece:
                    # It changed while it was read. Of two rows of one key in a load any may win, so it waits.
                    self._budget = 0
                if self._budget <= 0:
                    break
                self._in_piece.add((scope, change.key))
                rows.append(change.read())
                cursor.pass_over(change)
                self._changed.add(scope)
                self._budget -= 1
                if len(rows) >= ROWS_IN_A_BATCH:
                    yield lane.table.arrow_table(rows)
                    rows = []
            else:
                self._finished.add(scope)
            self._broken_in_a_row = 0
        except TokenRefused:
            raise
        except TooManyRequests as error:
            self._put_off(error)
        except VendorError as error:
            self._note(repository, scope, error)
        if rows:
            yield lane.table.arrow_table(rows)

    def _put_off(self, error: TooManyRequests) -> None:
        self.deferred = f"put off, the next pull goes on: {error}"
        self._budget = 0

    def _note(self, repository: Repository, scope: str, error: VendorError) -> None:
        self._finished.add(scope)
        self.broken.setdefault(repository.full_name, error)
        self._broken_in_a_row += 1
        if self._broken_in_a_row >= MOST_BROKEN_IN_A_ROW:
            raise VendorError(f"{self._broken_in_a_row} repositories in a row could not be read, the last: {error}")

    def _cursor(self, scope: str) -> _Cursor:
        if scope not in self._cursors:
            stored = None
            if self._is_known:
                with self._engine.connect() as connection:
                    stored = read_cursor(connection, self._provider.source, scope, self._provider.configuration)
            self._cursors[scope] = _Cursor.restored(stored, self._beginning)
        return self._cursors[scope]


def run_alone(pull_everything: Callable[[], list[LoadResult]]) -> int:
    """What `python -m` does with a pull: prints its counts, or what went wrong in plain lines; the exit status."""
    try:
        results = pull_everything()
    except PipelineStepFailed as error:
        sys.stderr.write(f"{pipelines.reason(error)}\n")
    except (BrokenRepositories, Deferred, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
    else:
        sys.stdout.write("".join(f"{result}\n" for result in results))
        return 0
    return 1
