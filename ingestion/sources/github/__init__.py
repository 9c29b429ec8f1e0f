"""The GitHub source: pull requests with reviews and commits, releases, deployments, repositories; without people.

In: steps of reading (`plan`). Out: Arrow tables for `raw_github`. Runs alone with `python -m ingestion.sources.github`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import dlt
import orjson
from dlt.extract import DltResource
from sqlalchemy import Connection, Engine, column, select, table, tuple_

from ingestion.sources.github.errors import GithubError, IncompleteError
from ingestion.sources.github.payloads import Row
from ingestion.sources.github.plan import Cursor, Step
from ingestion.sources.tables.github import GITHUB_TABLES
from ingestion.sources.tables.shape import Batch, RawTable

__all__ = ["Chunk", "GithubError", "IncompleteError", "github"]

# A killed run reads again what it had not stored: that much at most.
ROWS_IN_A_CHUNK = 500
STEPS_IN_A_CHUNK = 40
# It says when a row was fetched, not what GitHub says.
_OURS = "fetched_at"


class Chunk:
    """As many steps as are stored at once: read with `fill`, stored by dlt, and only then do the cursors move."""

    def __init__(self, steps: Iterator[Step], engine: Engine) -> None:
        self._steps = steps
        self._engine = engine
        self._is_filled = False
        self._rows: dict[str, dict[tuple[Any, ...], Row]] = {raw.name: {} for raw in GITHUB_TABLES}
        self.cursors: dict[str, Cursor] = {}
        # Whether the steps came to their end.
        self.is_last = False

    def rows(self, raw: RawTable) -> list[Row]:
        """The rows of one table that say something new; reads the chunk when first asked."""
        if not self._is_filled:
            self._fill()
        fetched = self._rows[raw.name]
        if not fetched:
            return []
        with self._engine.connect() as connection:
            known = _stored(connection, raw, list(fetched))
        return [row for key, row in fetched.items() if _said(raw, row) != known.get(key)]

    def _fill(self) -> None:
        self._is_filled = True
        for taken, step in enumerate(self._steps, start=1):
            # The same thing may come twice while it changes; what came later is newer.
            self._rows[step.table.name].update({_key(step.table, row): row for row in step.rows})
            if step.cursor is not None:
                self.cursors[step.scope] = step.cursor
            if taken >= STEPS_IN_A_CHUNK or sum(map(len, self._rows.values())) >= ROWS_IN_A_CHUNK:
                return
        self.is_last = True


@dlt.source(name="github")
def github(chunk: Chunk) -> Iterable[DltResource]:
    """What one chunk brings into each raw table; raises `GithubError` where nothing can be read at all."""
    return [
        dlt.resource(
            _batches(chunk, raw),
            name=raw.name,
            primary_key=raw.key,
            columns=raw.hints,
            max_table_nesting=0,
        )
        for raw in GITHUB_TABLES
    ]


def _batches(chunk: Chunk, raw: RawTable) -> Callable[[], Iterator[Batch]]:
    def batches() -> Iterator[Batch]:
        if rows := chunk.rows(raw):
            yield raw.arrow_table(rows)

    return batches


def _key(raw: RawTable, row: Row) -> tuple[Any, ...]:
    return tuple(row[list(raw.columns).index(name)] for name in raw.key)


def _said(raw: RawTable, row: Row) -> dict[str, Any]:
    """What a row says, apart from when it was fetched."""
    named = dict(zip(raw.columns, row, strict=True))
    return {
        name: orjson.loads(value) if raw.columns[name].data_type == "json" else value
        for name, value in named.items()
        if name != _OURS
    }


def _stored(connection: Connection, raw: RawTable, keys: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    """The same of the rows that are stored: one that says nothing new is not stored again, so nothing is rebuilt."""
    names = [name for name in raw.columns if name != _OURS]
    stored = table(raw.name, *map(column, names), schema=raw.dataset)
    wanted = tuple_(*(stored.c[name] for name in raw.key)).in_(keys)
    found = connection.execute(select(*(stored.c[name] for name in names)).where(wanted)).mappings()
    return {tuple(row[name] for name in raw.key): dict(row) for row in found}
