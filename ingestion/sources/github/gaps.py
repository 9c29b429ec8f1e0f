"""What webhooks missed: found once a day, filled, and counted.

In: the settings. Out: rows in `raw_github`, and for each repository and day how many deliveries did not come.
Everything that changed since the last good look is fetched; each thing in it for which GitHub should have sent a
delivery is looked for in the inbox (`landing.raw_events`), by GitHub's numbers, which a new name does not change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text

from core import clock
from core.logging import get_logger
from core.settings import Settings
from ingestion.operations import Deferred, Meter, on_record
from ingestion.pipelines import LoadResult
from ingestion.sources.github.access import Organisation
from ingestion.sources.github.known import cursors, switched_off
from ingestion.sources.github.payloads import Row, instant
from ingestion.sources.github.plan import Cursor, Plan, Step, scope
from ingestion.sources.github.reading import DEPLOYMENTS, KINDS, PULL_REQUESTS, Kind, changed
from ingestion.sources.github.repositories import Repository
from ingestion.sources.github.session import Session, opened

OPERATION = "gaps"
# How far back the first look goes.
FIRST_LOOK = timedelta(days=7)
# GitHub gives up a delivery after ten seconds and does not send it again by itself; the inbox may lag, too.
ON_THE_WAY = timedelta(minutes=15)
log = get_logger(__name__)

# A delivery, by what GitHub's numbers and words make of it: event, repository, thing, and what happened to it.
Delivery = tuple[str, str, str, str]


@dataclass(frozen=True)
class Gap:
    """Deliveries of one day and repository."""

    repo_full_name: str
    day: date
    expected: int
    missed: int


@dataclass
class Gaps:
    """What one look brought: the loads that filled the gaps, and the gaps."""

    results: list[LoadResult] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def missed(self) -> int:
        """Deliveries that did not come, over all repositories and days."""
        return sum(gap.missed for gap in self.gaps)


def fill_gaps(settings: Settings) -> Gaps:
    """Fetch what changed since the last look, store it, and count what no webhook brought; meant for once a day.

    Raises `IncompleteError` at the end where an organisation or a repository failed.
    """
    found = Gaps()
    with opened(settings) as session:
        found.results = session.each_organisation(lambda organisation: _fill(session, organisation, found))
    return found


@dataclass
class _Look(Plan):
    """The reading of one organisation for the sake of its gaps; remembers which deliveries should have come."""

    expected: dict[Delivery, tuple[str, date]] = field(default_factory=dict)
    earliest: datetime | None = None

    def steps(self) -> Iterator[Step]:
        """What changed since the last look for gaps."""
        try:
            self.organisation.client.has_time = True
            repositories = self.repositories()
            for kind in KINDS:
                since = {one.repository_id: self._looked(kind, one) - kind.overlap for one in repositories}
                # What GitHub cannot sort by change is looked through: its newest page, once a day.
                touched: Sequence[Repository] = repositories
                if kind.is_sorted_by_change:
                    touched = changed(self.organisation.client, repositories, kind, since)
                yield from self._guarded(kind, touched, self._since_last_look)
        except Deferred as deferred:
            self.deferred = deferred

    def _since_last_look(self, kind: Kind, repository: Repository) -> Iterator[Step]:
        began, looked = clock.now(), self._looked(kind, repository)
        for page in self._look(kind, repository, looked):
            for row in page.rows:
                self._expect(kind, repository, row, looked - ON_THE_WAY, began - ON_THE_WAY)
            cursor: Cursor | None = {"looked": began.isoformat()} if page.is_last else None
            yield Step(kind.table, page.rows, self._scope(kind, repository), cursor)

    def _looked(self, kind: Kind, repository: Repository) -> datetime:
        cursor = self.cursors.get(self._scope(kind, repository))
        return datetime.fromisoformat(cursor["looked"]) if cursor else clock.now() - FIRST_LOOK

    def _scope(self, kind: Kind, repository: Repository) -> str:
        return f"{OPERATION}:{scope(kind, repository)}"

    def _expect(self, kind: Kind, repository: Repository, row: Row, after: datetime, until: datetime) -> None:
        for (event, thing, what), happened in _deliveries(kind, row):
            if after < happened <= until:
                self.earliest = min(self.earliest or happened, happened)
                delivery = event, repository.repository_id, thing, what
                self.expected[delivery] = repository.full_name, happened.date()


def _fill(session: Session, organisation: Organisation, found: Gaps) -> list[LoadResult]:
    with session.engine.connect() as connection:
        look = _Look(
            organisation,
            session.access.pseudonymiser,
            cursors=cursors(connection, session.configuration),
            backfill=FIRST_LOOK,
            left_out=switched_off(connection),
        )
    try:
        return session.run(organisation, look, OPERATION)
    finally:
        found.gaps += _compared(session, organisation, look)


def _compared(session: Session, organisation: Organisation, look: _Look) -> list[Gap]:
    """Which of the expected deliveries are not in the inbox; said in the record and the log."""
    meter = Meter()
    with on_record(
        session.engine,
        "github",
        session.named(organisation),
        operation="compare",
        query=organisation.label,
        meter=meter,
    ):
        came = _inbox(session, look.earliest) if look.earliest is not None else set()
        expected = Counter(look.expected.values())
        missed = Counter(where for delivery, where in look.expected.items() if delivery not in came)
        gaps = [Gap(name, day, number, missed[name, day]) for (name, day), number in sorted(expected.items())]
        total = missed.total()
        for gap in gaps:
            if gap.missed:
                log.warning("webhooks missed", **{**vars(gap), "day": gap.day.isoformat()})
        meter.progress = f"{total:,} of {expected.total():,} deliveries were missed"
        if worst := missed.most_common(3):
            meter.progress += ": " + ", ".join(f"{number:,} of {name} on {day}" for (name, day), number in worst)
        return gaps


def _deliveries(kind: Kind, row: Row) -> Iterator[tuple[tuple[str, str, str], datetime]]:
    """The deliveries that GitHub should have sent about a row, and when."""
    named = dict(zip(kind.table.columns, row, strict=True))
    if kind is PULL_REQUESTS:
        pull_request = orjson.loads(named["pull_request"])
        number = str(pull_request["number"])
        yield ("pull_request", number, "opened"), instant(pull_request["created_at"])
        if pull_request["closed_at"]:
            yield ("pull_request", number, "closed"), instant(pull_request["closed_at"])
        for review in orjson.loads(named["reviews"]):
            yield ("pull_request_review", str(review["id"]), "submitted"), instant(review["submitted_at"])
    elif kind is DEPLOYMENTS:
        for status in orjson.loads(named["statuses"]):
            yield ("deployment_status", named["deployment_id"], status["state"]), instant(status["created_at"])
    elif named["published_at"] is not None:
        yield ("release", named["release_id"], "published"), named["published_at"]


_CAME = """
    select
        event_name,
        payload -> 'repository' ->> 'id' as repository_id,
        case event_name
            when 'pull_request' then payload -> 'pull_request' ->> 'number'
            when 'pull_request_review' then payload -> 'review' ->> 'id'
            when 'deployment_status' then payload -> 'deployment' ->> 'id'
            else payload -> 'release' ->> 'id'
        end as thing,
        case event_name
            when 'deployment_status' then payload -> 'deployment_status' ->> 'state'
            else payload ->> 'action'
        end as what
    from landing.raw_events
    where
        source = 'github'
        and event_name in ('pull_request', 'pull_request_review', 'deployment_status', 'release')
        and received_at >= :since
"""


def _inbox(session: Session, earliest: datetime) -> set[Any]:
    """What came since the earliest delivery that is looked for."""
    with session.engine.connect() as connection:
        return {tuple(row) for row in connection.execute(text(_CAME), {"since": earliest - ON_THE_WAY})}
