"""Whatever the source: loading twice changes nothing, a failing source replaces nothing, every load is on record."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import dlt
import pytest
from dlt.common.runtime import anon_tracker
from dlt.extract import DltSource
from sqlalchemy import Engine, text

from core import clock
from core.settings import Settings
from ingestion import counting, pipelines
from ingestion.counting import LostRowsError, TableCount
from ingestion.sources.tables import JIRA_ISSUES, RAW_TABLES, Batch, Column, RawTable
from tests.ingestion.sources.conftest import Query, failing_load

DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


def source_of(*batches: Batch | Exception, table: RawTable = JIRA_ISSUES) -> DltSource:
    """A source named `jira` that yields these batches, or raises."""

    @dlt.resource(name=table.name, primary_key=table.key, columns=table.hints, max_table_nesting=0)
    def issues() -> Iterator[Batch]:
        for batch in batches:
            if isinstance(batch, Exception):
                raise batch
            yield batch

    @dlt.source(name="jira")
    def jira() -> object:
        return issues

    return jira()


def issues(*keys: str, summary: str = "first") -> Batch:
    """One row for each key; the number in the key is the issue's id."""
    return JIRA_ISSUES.arrow_table(
        [(key.rpartition("-")[2], key, DAY, f'{{"summary": "{summary}"}}', None) for key in keys]
    )


def test_the_raw_tables_have_the_columns_that_are_described(raw_tables: Settings, rows: Query) -> None:
    types = {
        "text": "character varying",
        "json": "jsonb",
        "timestamp": "timestamp with time zone",
        "bigint": "bigint",
    } | {"bool": "boolean"}
    for table in RAW_TABLES:
        found = {
            name: (data_type, nullable)
            for name, data_type, nullable in rows(
                """
                select column_name, data_type, is_nullable = 'YES' from information_schema.columns
                where table_schema = :dataset and table_name = :name
                """,
                dataset=table.dataset,
                name=table.name,
            )
        }
        described = {name: (types[column.data_type], column.nullable) for name, column in table.columns.items()}
        assert found == described | {
            "_dlt_id": ("character varying", False),
            "_dlt_load_id": ("character varying", False),
        }


def test_preparing_again_keeps_the_rows(raw_tables: Settings, rows: Query) -> None:
    pipelines.run(source_of(issues("PAY-1")), raw_tables)
    pipelines.prepare_raw_tables(raw_tables)
    assert rows("select key from raw_jira.issues") == [("PAY-1",)]


def test_loading_twice_changes_nothing(raw_tables: Settings, rows: Query) -> None:
    everything = "select id, key, updated_at, fields, changelog from raw_jira.issues order by key"
    pipelines.run(source_of(issues("PAY-1", "PAY-2")), raw_tables)
    first = rows(everything)
    pipelines.run(source_of(issues("PAY-1", "PAY-2")), raw_tables)
    assert rows(everything) == first
    assert len(first) == 2


def test_the_newer_row_of_a_key_replaces_the_older(raw_tables: Settings, rows: Query) -> None:
    pipelines.run(source_of(issues("PAY-1", "PAY-2", summary="old")), raw_tables)
    pipelines.run(source_of(issues("PAY-2", summary="new")), raw_tables)
    assert rows("select key, fields ->> 'summary' from raw_jira.issues order by key") == [
        ("PAY-1", "old"),
        ("PAY-2", "new"),
    ]


def test_what_enters_is_counted_against_what_leaves(raw_tables: Settings) -> None:
    result = pipelines.run(source_of(issues("PAY-1", "PAY-2"), issues("PAY-2")), raw_tables)
    assert result.tables == {"issues": TableCount(fetched=3, staged=3, distinct=2, loaded=2)}
    assert result.rows == 3


@pytest.mark.parametrize(
    "count",
    [TableCount(fetched=3, staged=2, distinct=2, loaded=2), TableCount(fetched=3, staged=3, distinct=3, loaded=2)],
)
def test_a_lost_row_is_an_error(count: TableCount) -> None:
    with pytest.raises(LostRowsError, match="issues"):
        counting.refuse_losses({"issues": count})


def test_nothing_new_is_a_good_load(raw_tables: Settings, rows: Query) -> None:
    result = pipelines.run(source_of(), raw_tables)
    assert result.tables == {}
    assert rows("select status, rows_fetched from ops.fetch_operations") == [("success", 0)]


def test_a_source_that_fails_half_way_replaces_nothing(raw_tables: Settings, rows: Query) -> None:
    pipelines.run(source_of(issues("PAY-1", summary="good")), raw_tables)
    with failing_load():
        pipelines.run(source_of(issues("PAY-1", "PAY-2", summary="half"), RuntimeError("the line broke")), raw_tables)
    assert rows("select key, fields ->> 'summary' from raw_jira.issues") == [("PAY-1", "good")]


def test_every_load_is_on_record_with_its_reason(raw_tables: Settings, rows: Query) -> None:
    with clock.stopped_at(DAY):
        pipelines.run(source_of(issues("PAY-1", "PAY-2")), raw_tables)
        with failing_load():
            pipelines.run(source_of(RuntimeError("the line broke")), raw_tables)
    recorded = rows(
        "select source, operation, status, rows_fetched, message, started_at, finished_at from ops.fetch_operations"
        " order by status desc"
    )
    assert recorded == [
        ("jira", "pull", "success", 2, None, DAY, DAY),
        ("jira", "pull", "failure", 0, "RuntimeError: the line broke", DAY, DAY),
    ]


def test_a_load_after_a_failed_one_takes_everything_again(raw_tables: Settings, rows: Query) -> None:
    with failing_load():
        pipelines.run(source_of(issues("PAY-1"), RuntimeError("the line broke")), raw_tables)
    pipelines.run(source_of(issues("PAY-1", "PAY-2")), raw_tables)
    assert rows("select count(*) from raw_jira.issues") == [(2,)]


def test_a_value_of_another_type_never_becomes_a_row() -> None:
    with pytest.raises((TypeError, ValueError)):
        JIRA_ISSUES.arrow_table([("1", 1, DAY, "{}", None)])


def test_a_column_that_changes_its_type_stops_the_load(raw_tables: Settings, rows: Query) -> None:
    drifted = replace(JIRA_ISSUES, columns={**JIRA_ISSUES.columns, "key": Column("bigint", "a number all at once")})
    with failing_load():
        pipelines.run(source_of(drifted.arrow_table([("1", 1, DAY, "{}", None)]), table=drifted), raw_tables)
    assert rows("select count(*) from raw_jira.issues") == [(0,)]


def test_a_row_without_a_required_value_stops_the_load(raw_tables: Settings, rows: Query) -> None:
    with failing_load():
        pipelines.run(source_of(JIRA_ISSUES.arrow_table([("1", None, DAY, "{}", None)])), raw_tables)
    assert rows("select count(*) from raw_jira.issues") == [(0,)]


@pytest.mark.parametrize("described", [True, False])
def test_a_column_that_the_contract_does_not_know_stops_the_load(
    raw_tables: Settings, rows: Query, described: bool
) -> None:
    wider = replace(JIRA_ISSUES, columns={**JIRA_ISSUES.columns, "surprise": Column("text", "not in the contract")})
    batch = wider.arrow_table([("1", "PAY-1", DAY, "{}", None, "x")])
    with failing_load():
        pipelines.run(source_of(batch, table=wider if described else JIRA_ISSUES), raw_tables)
    assert rows("select count(*) from raw_jira.issues") == [(0,)]


def test_the_next_fetch_begins_where_the_last_good_one_began(raw_tables: Settings) -> None:
    later = DAY.replace(day=6)
    with clock.stopped_at(DAY):
        pipelines.run(source_of(issues("PAY-1")), raw_tables, configuration="site one")
    with clock.stopped_at(later), failing_load():
        pipelines.run(source_of(RuntimeError("the line broke")), raw_tables, configuration="site one")
    assert pipelines.fetched_until(raw_tables, "jira", "site one", JIRA_ISSUES) == DAY


def test_another_configuration_begins_at_the_beginning(raw_tables: Settings) -> None:
    pipelines.run(source_of(issues("PAY-1")), raw_tables, configuration="site one")
    assert pipelines.fetched_until(raw_tables, "jira", "site two", JIRA_ISSUES) is None


def test_an_emptied_table_is_fetched_from_the_beginning(raw_tables: Settings, engine: Engine) -> None:
    pipelines.run(source_of(issues("PAY-1")), raw_tables, configuration="site one")
    with engine.begin() as connection:
        connection.execute(text("truncate raw_jira.issues"))
    assert pipelines.fetched_until(raw_tables, "jira", "site one", JIRA_ISSUES) is None


def test_nothing_is_left_in_the_staging_tables(raw_tables: Settings, rows: Query) -> None:
    pipelines.run(source_of(issues("PAY-1")), raw_tables)
    assert rows("select count(*) from raw_jira_staging.issues") == [(0,)]


def test_what_a_killed_run_left_behind_does_no_harm(raw_tables: Settings, rows: Query) -> None:
    pipelines.run(source_of(issues("PAY-1")), raw_tables)
    left_behind = pipelines._working_folder(raw_tables) / "jira"
    (left_behind / "state.json").write_text("{cut sho")
    (left_behind / "normalize").mkdir(exist_ok=True)
    (left_behind / "normalize" / "half a file").write_text("half")
    pipelines.run(source_of(issues("PAY-2")), raw_tables)
    assert rows("select key from raw_jira.issues order by key") == [("PAY-1",), ("PAY-2",)]


def test_a_second_load_waits_for_the_first(raw_tables: Settings, engine: Engine, rows: Query) -> None:
    second = threading.Thread(target=lambda: pipelines.run(source_of(issues("PAY-1")), raw_tables))
    with pipelines._only_one(engine, "raw_jira"):
        second.start()
        second.join(timeout=0.5)
        assert second.is_alive()
        assert rows("select count(*) from raw_jira.issues") == [(0,)]
    second.join(timeout=30)
    assert rows("select count(*) from raw_jira.issues") == [(1,)]


def test_nothing_is_sent_about_us(raw_tables: Settings) -> None:
    pipelines.run(source_of(issues("PAY-1")), raw_tables)
    assert dlt.current.run_context().runtime_config.dlthub_telemetry is False
    assert anon_tracker._ANON_TRACKER_ENDPOINT is None
    assert anon_tracker._THREAD_POOL is None


def test_what_dlt_logs_goes_the_way_of_all_logs(raw_tables: Settings, log_lines: io.StringIO) -> None:
    pipelines.run(source_of(issues("PAY-1")), raw_tables)
    logging.getLogger("dlt").warning("connecting to postgresql://dpp:a-password@localhost/dpp")
    written = log_lines.getvalue()
    assert "a-password" not in written
    assert "when merging arrow schema" not in written
    assert json.loads(written.splitlines()[-1])["logger"] == "dlt"
