"""The list of repositories and installations, as GitHub has them today, brought into our configuration.

In: the settings. Out: `raw_github.repositories`, `config.repositories`, `config.repository_aliases` and
`config.github_installations`. GitHub's number of a repository survives a new name; what an admin chose
(`is_deployable`, `deploy_target`) is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, column, select, table
from sqlalchemy.dialects.postgresql import insert as upsert

from core import clock
from core.settings import Settings
from core.tables import github_installations
from ingestion.operations import Deferred, Meter, on_record
from ingestion.pipelines import LoadResult
from ingestion.sources.github.access import Installation, Organisation
from ingestion.sources.github.errors import GithubError, IncompleteError
from ingestion.sources.github.plan import Step
from ingestion.sources.github.registry import register
from ingestion.sources.github.repositories import Repository
from ingestion.sources.github.session import SOURCE, Session, opened
from ingestion.sources.tables.github import GITHUB_REPOSITORIES

_RAW = table(
    GITHUB_REPOSITORIES.name,
    column("repository_id"),
    column("is_archived"),
    schema=GITHUB_REPOSITORIES.dataset,
)


def sync_repositories(settings: Settings) -> list[LoadResult]:
    """Bring the lists of all organisations up to date; meant for once a day.

    New repositories of an organisation that is a tech stream are registered, archived ones become inactive, renamed
    and transferred ones move and leave an alias. Raises `IncompleteError` at the end where an organisation failed:
    nothing of that one is changed then.
    """
    failures: list[str] = []
    with opened(settings) as session:
        try:
            if session.access.is_app:
                _sync_installations(session)
        except GithubError as error:
            failures.append(f"the App's installations: {error}")
        except Deferred:
            # It is on record; the organisations may have more left of their limits.
            pass
        try:
            results = session.each_organisation(lambda organisation: _sync(session, organisation))
        except IncompleteError as error:
            failures += error.failures
            results = list(error.results)
    if failures:
        raise IncompleteError(failures, results)
    return results


@dataclass
class _RepositoryList:
    """The list of one organisation: one step, whole or not at all."""

    session: Session
    organisation: Organisation
    listed: list[Repository] = field(default_factory=list)
    failures: list[tuple[str, GithubError]] = field(default_factory=list)
    deferred: Deferred | None = None

    def steps(self) -> Iterator[Step]:
        """All repositories."""
        try:
            self.organisation.client.has_time = True
            self.listed = self.organisation.repositories(self.session.access.pseudonymiser)
        except Deferred as deferred:
            self.deferred = deferred
            return
        rows = [
            (
                one.repository_id,
                one.full_name,
                one.default_branch,
                one.is_archived,
                one.is_fork,
                self.organisation.installation_id,
                clock.now(),
            )
            for one in self.listed
        ]
        yield Step(GITHUB_REPOSITORIES, rows, scope="", cursor=None)


def _sync(session: Session, organisation: Organisation) -> list[LoadResult]:
    with session.engine.connect() as connection:
        found_archived = connection.execute(select(_RAW.c.repository_id).where(_RAW.c.is_archived.is_(True)))
        archived = frozenset(map(str, found_archived.scalars()))
    found = _RepositoryList(session, organisation)
    results = session.run(organisation, found, "sync")
    with session.engine.begin() as connection:
        register(connection, found.listed, archived_before=archived)
    return results


def _sync_installations(session: Session) -> None:
    meter = Meter()
    with on_record(
        session.engine, SOURCE, session.access.api_url, operation="sync", query="installations", meter=meter
    ) as running:
        installations = session.access.installations(meter)
        running.rows = len(installations)
        with session.engine.begin() as connection:
            _write_installations(connection, installations)


def _write_installations(connection: Connection, installations: Sequence[Installation]) -> None:
    """One row for each; what GitHub does not list any more was removed, and its row says so."""
    now = clock.now()
    stored = github_installations
    changed = {
        one.installation_id: (one.account, "suspended" if one.is_suspended else "active") for one in installations
    }
    rows = connection.execute(select(stored.c.installation_id, stored.c.account_login, stored.c.state))
    for installation_id, account, state in [tuple(map(str, row)) for row in rows]:
        if changed.get(installation_id) == (account, state):
            del changed[installation_id]
        elif installation_id not in changed and state != "removed":
            changed[installation_id] = (account, "removed")
    for installation_id, (account, state) in changed.items():
        values = {"account_login": account, "state": state, "updated_at": now}
        statement = upsert(stored).values(installation_id=installation_id, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["installation_id"], set_=values))
