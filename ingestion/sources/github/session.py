"""One run over all organisations: what is opened, how steps become rows, what goes on record.

In: the settings, something that has steps. Out: results of loads. One organisation after the other; one that fails
does not stop the others and is told at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from dlt.pipeline.exceptions import PipelineStepFailed
from sqlalchemy import Engine

from core.database import database_url, make_engine
from core.settings import Settings
from ingestion import pipelines
from ingestion.operations import Deferred, Meter, on_record, write_cursor
from ingestion.pipelines import LoadResult, LostRowsError
from ingestion.sources.github import Chunk, github
from ingestion.sources.github.access import Access, Organisation
from ingestion.sources.github.errors import GithubError, IncompleteError
from ingestion.sources.github.plan import Step

SOURCE = "github"
# Raised when the queries ask for more, so that what was read before is read again.
EDITION = 1


class Steps(Protocol):
    """Something to be read of one organisation."""

    failures: list[tuple[str, GithubError]]
    deferred: Deferred | None

    def steps(self) -> Iterator[Step]:
        """What is read, in order."""


@dataclass(frozen=True)
class Session:
    """What one run works with."""

    settings: Settings
    engine: Engine
    access: Access

    @property
    def configuration(self) -> str:
        """What the cursors hold for: reading begins anew where it changes."""
        return f"{self.access.api_url} {self.settings.backfill_days} days, edition {EDITION}"

    def named(self, organisation: Organisation) -> str:
        """What is asked for of one organisation, for the record."""
        return f"{self.access.api_url} {organisation.label}"

    def each_organisation(self, work: Callable[[Organisation], list[LoadResult]]) -> list[LoadResult]:
        """Do something for each organisation; raises `IncompleteError` at the end where some of it failed."""
        results: list[LoadResult] = []
        failures: list[str] = []
        try:
            organisations = self._organisations()
        except GithubError as error:
            raise IncompleteError([f"the App's installations: {error}"]) from error
        except Deferred:
            return results
        for organisation in organisations:
            try:
                results += work(organisation)
            except IncompleteError as error:
                failures += error.failures
                results += error.results
            except (PipelineStepFailed, LostRowsError) as error:
                failures.append(f"{organisation.label}: {pipelines.reason(error)}")
        if failures:
            raise IncompleteError(failures, results)
        return results

    def run(self, organisation: Organisation, plan: Steps, operation: str) -> list[LoadResult]:
        """Read a plan to its end, chunk by chunk; a cursor moves when the rows before it are stored.

        Raises `IncompleteError` where single repositories failed, dlt's `PipelineStepFailed` where all did.
        """
        results = []
        steps, is_last = plan.steps(), False
        while not is_last:
            chunk = Chunk(steps, self.engine)
            meter = organisation.client.meter = Meter()
            results.append(
                pipelines.run(
                    github(chunk),
                    self.settings,
                    self.named(organisation),
                    operation=operation,
                    query=organisation.label,
                    meter=meter,
                )
            )
            with self.engine.begin() as connection:
                for scope, cursor in chunk.cursors.items():
                    write_cursor(connection, SOURCE, scope, self.configuration, cursor)
            is_last = chunk.is_last
        self._tell(organisation, plan, operation)
        if plan.failures:
            raise IncompleteError([f"{name}: {error}" for name, error in plan.failures], results)
        return results

    def _tell(self, organisation: Organisation, plan: Steps, operation: str) -> None:
        """A row in the record for each thing that could not be read, or was put off."""
        problems: list[tuple[str, Exception]] = list(plan.failures)
        if plan.deferred is not None:
            problems.append((organisation.label, plan.deferred))
        for name, problem in problems:
            configuration = f"{self.named(organisation)}: {name}"
            with (
                suppress(type(problem)),
                on_record(self.engine, SOURCE, configuration, operation=operation, query=name),
            ):
                raise problem

    def _organisations(self) -> list[Organisation]:
        if not self.access.is_app:
            return list(self.access.organisations(Meter()))
        meter = Meter()
        with on_record(
            self.engine, SOURCE, self.access.api_url, operation="list", query="installations", meter=meter
        ) as listed:
            organisations = list(self.access.organisations(meter))
            listed.rows = len(organisations)
            return organisations


@contextmanager
def opened(settings: Settings) -> Iterator[Session]:
    """Engine and access for one run. Raises `SettingsError` where a secret is missing."""
    access = Access(settings)
    pipelines.prepare_raw_tables(settings)
    engine = make_engine(database_url(settings), pool_size=2)
    try:
        yield Session(settings, engine, access)
    finally:
        engine.dispose()
