"""The second way into the raw tables: lines that are streamed through COPY, in one transaction.

In: a source's name, what was asked for, and lines in COPY's text format. Out: rows in `raw_…`, the cursor, one row in
`ops.fetch_operations`, and counts of what entered and what left.

Why two ways. An API gives some hundred rows a second, so what dlt does with them costs nothing beside the waiting, and
its contracts and Arrow batches are worth having: `ingestion.pipelines`. A clone gives thousands of commits a second
from the disk, and there dlt's extract, normalise and load steps cost most of what git itself costs; besides, a history
that was rewritten takes rows away, and the place of every other commit changes in the same moment, which a merge by
key cannot say. So git's commits go from the parser to PostgreSQL as they come, no file between, and rows, deletions
and cursor become visible together or not at all.

The guarantees are those of `ingestion.pipelines`: merge on the table's key, fixed columns and types, nothing replaced
by a load that fails, counts that must add up, a record of every load, dlt's two columns. One is stronger: a row
that did not change keeps its load id, so models that read by load id do not read it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, Engine, text

from core import clock
from ingestion.counting import LoadResult, TableCount, refuse_losses
from ingestion.operations import Meter, on_record, read_cursor, write_cursor
from ingestion.raw_tables import make_raw_tables
from ingestion.sources.tables import RawTable

_BLOCK_CHARACTERS = 1 << 17
# What COPY's text format writes otherwise; a NUL cannot come, since the pseudonymiser replaces it.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = "\\N"


def escaped(value: str) -> str:
    """Text as a field of a COPY line."""
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)


def line(values: Iterable[str | int | bool | None]) -> str:
    """One COPY line: None becomes null; times come as text that PostgreSQL reads."""
    return "\t".join(NULL if value is None else escaped(str(value)) for value in values) + "\n"


class CopyLoad:
    """One load while it runs: a transaction, a staging table for each raw table, and the counts."""

    def __init__(self, connection: Connection, meter: Meter, source: str, configuration: str) -> None:
        self.connection = connection
        self.meter = meter
        # As dlt's: seconds since 1970, with their fraction, as text.
        self.load_id = f"{clock.now().timestamp():.6f}"
        self.tables: dict[str, TableCount] = {}
        self._source = source
        self._configuration = configuration
        self._fetched: dict[str, int] = {}

    def cursor(self, scope: str) -> dict[str, Any] | None:
        """How far this scope was read; None where it never was with this configuration."""
        return read_cursor(self.connection, self._source, scope, self._configuration)

    def move_cursor(self, scope: str, cursor: dict[str, Any]) -> None:
        """Remember how far this scope is read, together with the rows."""
        write_cursor(self.connection, self._source, scope, self._configuration, cursor)

    def stage(self, raw: RawTable, lines: Iterable[str]) -> None:
        """Stream lines (the table's columns in their order) into the staging table of this load."""
        columns = ", ".join(raw.columns)
        if raw.name not in self._fetched:
            # "With no data" copies names and types, and no key: COPY checks nothing that the merge checks anyway.
            self.connection.execute(
                text(
                    # Table and column names in this module are those of `ingestion.sources.tables`, of nobody else.
                    f"create temp table {staging(raw)} on commit drop as"  # noqa: S608
                    f" select {columns} from {raw.dataset}.{raw.name} with no data"
                )
            )
        fetched = self.copy(staging(raw), raw.columns, lines)
        self._fetched[raw.name] = self._fetched.get(raw.name, 0) + fetched

    def copy(self, table: str, columns: Iterable[str], lines: Iterable[str]) -> int:
        """Stream lines into any table of this transaction; returns how many."""
        count, waiting, size = 0, [], 0
        statement = f"copy {table} ({', '.join(columns)}) from stdin"
        with self._driver().copy(sql.SQL(statement)) as stream:
            for each in lines:
                count += 1
                waiting.append(each)
                size += len(each)
                if size > _BLOCK_CHARACTERS:
                    stream.write("".join(waiting))
                    waiting, size = [], 0
            stream.write("".join(waiting))
        return count

    def stream(self, query: str, parameters: tuple[Any, ...]) -> Iterator[tuple[str, ...]]:
        """The rows of a query as text, streamed, since they may be more than the memory should hold; null is `\\N`."""
        with self._driver().copy(sql.SQL(f"copy ({query}) to stdout"), parameters) as stream:
            rest = b""
            for block in stream:
                *lines, rest = (rest + bytes(block)).split(b"\n")
                for each in lines:
                    yield tuple(each.decode().split("\t"))

    def merge(self, raw: RawTable) -> None:
        """Bring the staged rows into the raw table by its key and count them; the last row of a key wins.

        Raises what PostgreSQL raises for a row that breaks the table's rules.
        """
        target, columns, key = f"{raw.dataset}.{raw.name}", ", ".join(raw.columns), ", ".join(raw.key)
        changed = [name for name in raw.columns if name not in raw.key]
        self.connection.execute(
            text(
                f"""
                insert into {target} as known ({columns}, _dlt_load_id, _dlt_id)
                select distinct on ({key})
                    {columns}, :load_id, left(replace(gen_random_uuid()::text, '-', ''), 14)
                from {staging(raw)} order by {key}, ctid desc
                on conflict ({key}) do update
                set {", ".join(f"{name} = excluded.{name}" for name in changed)}, _dlt_load_id = :load_id
                where ({", ".join(f"known.{name}" for name in changed)})
                    is distinct from ({", ".join(f"excluded.{name}" for name in changed)})
                """  # noqa: S608
            ),
            {"load_id": self.load_id},
        )
        counted = self.connection.execute(
            text(
                f"""
                with staged as (select {key} from {staging(raw)}),
                keys as (select distinct {key} from staged)
                select
                    (select count(*) from staged),
                    (select count(*) from keys),
                    (select count(*) from keys inner join {target} using ({key}))
                """  # noqa: S608
            )
        ).one()
        self.tables[raw.name] = TableCount(self._fetched[raw.name], *(int(count) for count in counted))

    def _driver(self) -> Any:
        """psycopg's own cursor, within this transaction: COPY is not SQLAlchemy's business."""
        driver: Any = self.connection.connection.driver_connection
        return driver.cursor()


def staging(raw: RawTable) -> str:
    """Name of the staging table of a raw table."""
    return f"pg_temp.staged_{raw.name}"


@contextmanager
def copying(
    engine: Engine,
    source: str,
    scope: str,
    configuration: str,
    into: Iterable[RawTable],
    *,
    operation: str = "pull",
    meter: Meter | None = None,
) -> Iterator[tuple[CopyLoad, LoadResult]]:
    """One load of one scope (such as a repository): commits when the block ends well, else leaves no trace.

    Gives the load and its result, whose counts are complete behind the block. One load of a scope runs at a time; a
    second one waits. Every load is on record, the failed too. Raises `LostRowsError` where rows are missing, and
    whatever the block raises.
    """
    with (
        on_record(engine, source, configuration, operation=operation, meter=meter) as running,
        engine.begin() as connection,
    ):
        connection.execute(text("select pg_advisory_xact_lock(hashtext(:name))"), {"name": f"{source} {scope}"})
        names = [f"{raw.dataset}.{raw.name}" for raw in into]
        missing = text("select bool_or(to_regclass(name) is null) from unnest(cast(:names as text[])) as name")
        if connection.execute(missing, {"names": names}).scalar_one():
            make_raw_tables(connection)
        load = CopyLoad(connection, running.meter, source, configuration)
        yield load, LoadResult(running.operation_id, load.tables)
        refuse_losses(load.tables)
        running.rows = sum(count.fetched for count in load.tables.values())
