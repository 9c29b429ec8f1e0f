"""What is held of a Jira site already, and where a fetch leaves its traces.

In: settings. Out: answers from `raw_jira`, cursors, and loads that are on record. Use it as a context.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from dlt.extract import DltSource
from sqlalchemy import Row, select, text

from core.database import database_url, make_engine
from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings
from core.tables import field_mappings
from ingestion import operations, pipelines
from ingestion.operations import Meter, Operation, configuration_hash
from ingestion.pipelines import LoadResult
from ingestion.sources.jira.reconcile import Held
from ingestion.sources.jira.registry import REGISTRY_TABLES
from ingestion.sources.jira.site import configuration
from ingestion.sources.jira.sprints import HeldSprints

SOURCE = "jira"


class JiraStore:
    """The database as one fetch sees it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.meter = Meter()
        self.pseudonymiser = Pseudonymiser(secrets_for(settings).get("pseudonym_key"))
        self.engine = make_engine(database_url(settings), pool_size=2)

    def __enter__(self) -> JiraStore:
        pipelines.prepare_raw_tables(self.settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.dispose()

    def run(self, source: DltSource, scope: str, *, operation: str, query: str | None = None) -> LoadResult:
        """Load a source, on record with the scope and the field mappings. Raises what `pipelines.run` raises."""
        recorded = configuration(scope, self.field_mappings())
        return pipelines.run(source, self.settings, recorded, operation=operation, query=query, meter=self.meter)

    def on_record(self, scope: str, operation: str) -> AbstractContextManager[Operation]:
        """A row in `ops.fetch_operations` for work that loads nothing from Jira."""
        recorded = configuration(scope, self.field_mappings())
        return operations.on_record(self.engine, SOURCE, recorded, operation=operation, meter=self.meter)

    def read_cursor(self, what: str, scope: str) -> dict[str, Any] | None:
        """How far this was read with this scope; None where it never was."""
        with self.engine.connect() as connection:
            return operations.read_cursor(connection, SOURCE, _cursor_name(what, scope), scope)

    def write_cursor(self, what: str, scope: str, cursor: dict[str, Any]) -> None:
        """Remember how far this was read. Each scope has its own row, so that a query that comes back goes on."""
        with self.engine.begin() as connection:
            operations.write_cursor(connection, SOURCE, _cursor_name(what, scope), scope, cursor)

    def field_mappings(self) -> dict[str, str]:
        """Internal field to Jira's field id."""
        columns = field_mappings.c
        with self.engine.connect() as connection:
            found = connection.execute(select(columns.internal_field, columns.jira_field_id)).all()
        return {row.internal_field: row.jira_field_id for row in found}

    def has_issues(self) -> bool:
        """Whether any issue is held: where the table was emptied, a cursor means nothing."""
        return bool(self._rows("select 1 from raw_jira.issues limit 1"))

    def held(self) -> dict[str, Held]:
        """Every issue, by id, with its tombstone."""
        rows = self._rows(
            "select i.id, i.key, i.updated_at, t.state from raw_jira.issues as i left join raw_jira.tombstones as t"
            " on i.id = t.id"
        )
        return {row.id: Held(row.key, row.updated_at, row.state) for row in rows}

    def gone(self) -> dict[str, str]:
        """Issues that bear a tombstone: id to key."""
        return {
            row.id: row.key for row in self._rows("select id, key from raw_jira.tombstones where state <> 'present'")
        }

    def sprints(self, read_boards: frozenset[str]) -> HeldSprints:
        """Open sprints and who is in which sprint."""
        opened = self._rows(
            "select id, board_id, name, state, goal, starts_at, ends_at, completed_at from raw_jira.sprints"
            " where state in ('future', 'active')"
        )
        members: dict[str, dict[str, str]] = {}
        for row in self._rows("select sprint_id, issue_id, issue_key from raw_jira.sprint_issues where is_member"):
            members.setdefault(row.sprint_id, {})[row.issue_id] = row.issue_key
        return HeldSprints(open={row.id: tuple(row) for row in opened}, members=members, boards=read_boards)

    def registry_counts(self) -> dict[str, int]:
        """How many rows each table of the registry holds."""
        counts = {}
        for raw in REGISTRY_TABLES:
            [(count,)] = self._rows(f"select count(*) from {raw.dataset}.{raw.name}")  # noqa: S608 - our own names
            counts[raw.name] = count
        return counts

    def _rows(self, query: str) -> list[Row[Any]]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query)).all())


def _cursor_name(what: str, scope: str) -> str:
    return f"{what} {configuration_hash(scope)[:16]}"
