"""Where pulled data goes and how: the load policy of everything that comes over an API.

Git histories take a second way, for reasons that `ingestion.copying` gives; the guarantees are the same.

In: a dlt source and the settings. Out: rows in the source's schema `raw_…`, one row in `ops.fetch_operations`,
and counts of what entered and what left.

The policy, the same for every source:
- key and disposition: merge on the table's key, so loading twice changes nothing;
- contract: columns and types are fixed (`ingestion.sources.tables`); a change fails the load, and nothing is written;
- one transaction for each table, after everything was fetched: a failing page never replaces good data;
- the next fetch begins where the last good one with the same configuration began (`fetched_until`);
- COPY from CSV, made by Arrow: 2.5 times as fast here as dlt's own path over Python objects.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import dlt
from dlt.common.runtime.telemetry import stop_telemetry
from dlt.common.schema.typing import TSchemaContract
from dlt.extract import DltSource
from sqlalchemy import (
    Connection,
    Engine,
    TableClause,
    column,
    exists,
    func,
    inspect,
    select,
    table,
    text,
)

from core.database import database_url, make_engine
from core.settings import Settings
from ingestion.counting import LoadResult, LostRowsError, TableCount, refuse_losses
from ingestion.operations import Meter, on_record, one_line, started_last
from ingestion.raw_tables import prepare_raw_tables
from ingestion.sources.tables import RAW_TABLES, RawTable

__all__ = [
    "LoadResult",
    "LostRowsError",
    "TableCount",
    "fetched_until",
    "make_pipeline",
    "prepare_raw_tables",
    "reason",
    "run",
]

DATASETS: Mapping[str, str] = {
    "jira": "raw_jira",
    "github": "raw_github",
    "gitlab": "raw_gitlab",
    "bitbucket": "raw_bitbucket",
}
FILE_FORMAT: Literal["csv"] = "csv"
CONTRACT: TSchemaContract = {"tables": "evolve", "columns": "freeze", "data_type": "freeze"}

_CONFIGURATION: Mapping[str, object] = {
    "runtime.dlthub_telemetry": False,
    # The files live for seconds; packing them costs more time than writing them.
    "extract.data_writer.disable_compression": True,
    "normalize.data_writer.disable_compression": True,
    # dlt adds these to Python objects by itself, but to Arrow tables only when told.
    "normalize.parquet_normalizer.add_dlt_load_id": True,
    "normalize.parquet_normalizer.add_dlt_id": True,
    # One resource after the other: pull requests are made from the commits read before them.
    "extract.next_item_mode": "fifo",
    "load.delete_completed_jobs": True,
}
for _key, _value in _CONFIGURATION.items():
    dlt.config[_key] = _value
# Importing dlt has switched its telemetry on already, before anybody could object; nothing was sent yet.
stop_telemetry()
dlt.current.run_context().initialize_runtime()


def make_pipeline(source_name: str, settings: Settings) -> dlt.Pipeline:
    """The dlt pipeline of one source; its working files live under the settings' home, one folder a database."""
    url = database_url(settings, driver="psycopg2")
    destination = dlt.destinations.postgres(
        credentials=url.set(drivername="postgresql").render_as_string(hide_password=False)
    )
    pipeline = dlt.pipeline(
        pipeline_name=source_name,
        destination=destination,
        dataset_name=DATASETS[source_name],
        pipelines_dir=str(_working_folder(settings)),
    )
    _route_logs()
    return pipeline


def _working_folder(settings: Settings) -> Path:
    """Where dlt keeps its files while it runs: one folder for each database, so that two never share a state."""
    url = database_url(settings)
    return settings.home / "dlt" / f"{url.host}-{url.port or 5432}-{url.database}"


def run(
    source: DltSource,
    settings: Settings,
    configuration: str = "",
    *,
    operation: str = "pull",
    query: str | None = None,
    meter: Meter | None = None,
) -> LoadResult:
    """Fetch everything a source yields and merge it into its raw tables.

    `configuration` names what was asked for (the site and the query, the repository): see `fetched_until`.
    Writes one row in `ops.fetch_operations`, also when it fails (`operations.on_record`). Raises dlt's
    `PipelineStepFailed` for a failed fetch or load (nothing was replaced then) and `LostRowsError` where rows are
    missing afterwards.
    """
    engine = make_engine(database_url(settings), pool_size=2)
    dataset = DATASETS[source.name]
    try:
        with (
            _only_one(engine, dataset),
            on_record(
                engine, source.name, configuration, operation=operation, query=query, meter=meter, reason=reason
            ) as running,
        ):
            given = _load(source, source.name, settings)
            with engine.begin() as connection:
                tables = _count(connection, dataset, given)
            running.rows = sum(count.fetched for count in tables.values())
            refuse_losses(tables)
            return LoadResult(running.operation_id, tables)
    finally:
        engine.dispose()


def fetched_until(settings: Settings, source_name: str, configuration: str, into: RawTable) -> datetime | None:
    """The instant up to which a source was fetched with this configuration: the start of its last good pull.

    None where it never was, so another site or another query begins at the beginning and skips nothing;
    None too where the raw table `into` is empty, whatever the record says.
    """
    engine = make_engine(database_url(settings), pool_size=1)
    try:
        with engine.connect() as connection:
            if not _has_rows(connection, into):
                return None
            return started_last(connection, source_name, configuration)
    finally:
        engine.dispose()


def _load(data: DltSource, source_name: str, settings: Settings) -> dict[str, Counter[str]]:
    """Run dlt once from a clean folder; returns, for each load it made, how many rows each table was given."""
    # What a killed run left behind is dropped: only a good end moves the cursor, so it is fetched again.
    shutil.rmtree(_working_folder(settings) / source_name, ignore_errors=True)
    pipeline = make_pipeline(source_name, settings)
    loaded = pipeline.run(data, write_disposition="merge", schema_contract=CONTRACT, loader_file_format=FILE_FORMAT)
    loaded.raise_on_failed_jobs()
    given: dict[str, Counter[str]] = {}
    trace = pipeline.last_trace
    extracted = trace.last_extract_info if trace else None
    for load_id, steps in (extracted.metrics if extracted else {}).items():
        given[load_id] = Counter()
        for step in steps:
            for name, metrics in step["table_metrics"].items():
                given[load_id][name] += metrics.items_count
    return given


def _has_rows(connection: Connection, raw: RawTable) -> bool:
    if not inspect(connection).has_table(raw.name, schema=raw.dataset):
        return False
    return connection.execute(select(exists().select_from(table(raw.name, schema=raw.dataset)))).scalar_one()


@contextmanager
def _only_one(engine: Engine, dataset: str) -> Iterator[None]:
    """One load at a time for each dataset, whoever starts it: waits for the other one to end."""
    with engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(hashtext(:name))"), {"name": dataset})
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(hashtext(:name))"), {"name": dataset})
            connection.commit()


def reason(error: BaseException) -> str:
    """What went wrong, in one line: dlt wraps an error several times, and the one inside is what people can mend."""
    while type(error).__module__.startswith("dlt.") and (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return one_line(error)


def _count(connection: Connection, dataset: str, given: Mapping[str, Counter[str]]) -> dict[str, TableCount]:
    """Count what a load brought: given to dlt, in its staging table, in the table. Empties the staging table."""
    counts = {}
    for raw in RAW_TABLES:
        fetched = sum(load[raw.name] for load in given.values())
        if raw.dataset != dataset or not fetched:
            continue
        target, staging = _keyed(raw, raw.dataset), _keyed(raw, f"{raw.dataset}_staging")
        key = [staging.c[name] for name in raw.key]
        of_staging, of_target = (each.c["_dlt_load_id"].in_(list(given)) for each in (staging, target))
        staged = connection.execute(select(func.count()).select_from(staging).where(of_staging)).scalar_one()
        keys = select(*key).where(of_staging).distinct().subquery()
        distinct = connection.execute(select(func.count()).select_from(keys)).scalar_one()
        loaded = connection.execute(select(func.count()).select_from(target).where(of_target)).scalar_one()
        counts[raw.name] = TableCount(fetched, staged, distinct, loaded)
        connection.execute(text(f"truncate {staging.fullname}"))
    return counts


def _keyed(raw: RawTable, schema: str) -> TableClause:
    return table(raw.name, *(column(name) for name in (*raw.key, "_dlt_load_id")), schema=schema)


class _ExpectedDifference(logging.Filter):
    """Drops the one warning that our JSON columns cause with every batch: Arrow has no JSON type, PostgreSQL does."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "when merging arrow schema with dlt schema" not in record.getMessage()


_EXPECTED_DIFFERENCE = _ExpectedDifference()


def _route_logs() -> None:
    """dlt's own log lines go the way of all others: structured and redacted."""
    logger = logging.getLogger("dlt")
    logger.handlers.clear()
    logger.propagate = True
    logger.addFilter(_EXPECTED_DIFFERENCE)
