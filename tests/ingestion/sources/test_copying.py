"""The second way into the raw tables keeps what the first one promises: `test_pipelines` has the same sentences."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import DatabaseError
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from core import clock
from core.settings import Settings
from ingestion import copying
from ingestion.copying import CopyLoad
from ingestion.counting import LoadResult, LostRowsError, TableCount
from ingestion.sources.tables.git import GIT_TAGS
from tests.ingestion.sources.conftest import Query

DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
REPOSITORY = "acme/payments"


@contextmanager
def loading(engine: Engine, scope: str = REPOSITORY) -> Iterator[tuple[CopyLoad, LoadResult]]:
    """A load of some source's tags."""
    with copying.copying(engine, "git_history", scope, scope, (GIT_TAGS,)) as (load, result):
        yield load, result


def tags(*names: str, sha: str = "first") -> Iterable[str]:
    """A line for each tag."""
    return [copying.line((REPOSITORY, name, sha, DAY.isoformat(), True)) for name in names]


def load_lines(engine: Engine, *lines: str) -> LoadResult:
    """One load of these lines."""
    with loading(engine) as (load, result):
        load.stage(GIT_TAGS, lines)
        load.merge(GIT_TAGS)
    return result


def load_tags(engine: Engine, *names: str, sha: str = "first") -> LoadResult:
    """One load of these tags."""
    return load_lines(engine, *tags(*names, sha=sha))


def test_the_newer_row_of_a_key_replaces_the_older(raw_tables: Settings, engine: Engine, rows: Query) -> None:
    load_tags(engine, "v1", "v2", sha="old")
    load_tags(engine, "v2", sha="new")
    assert rows("select tag_name, sha from raw_git.tags order by 1") == [("v1", "old"), ("v2", "new")]


def test_loading_twice_changes_not_even_the_load_id(raw_tables: Settings, engine: Engine, rows: Query) -> None:
    with clock.stopped_at(DAY):
        load_tags(engine, "v1", "v2")
    first = rows("select * from raw_git.tags order by tag_name")
    assert {row[-2] for row in first} == {f"{DAY.timestamp():.6f}"}
    load_tags(engine, "v1", "v2")
    assert rows("select * from raw_git.tags order by tag_name") == first


def test_what_enters_is_counted_against_what_leaves(raw_tables: Settings, engine: Engine, rows: Query) -> None:
    result = load_tags(engine, "v1", "v2", "v2")
    assert result.tables == {"tags": TableCount(fetched=3, staged=3, distinct=2, loaded=2)}
    assert rows("select status, rows_fetched from ops.fetch_operations") == [("success", 3)]


def test_a_lost_row_is_an_error_and_leaves_no_trace(raw_tables: Settings, engine: Engine, rows: Query) -> None:
    def losing() -> None:
        with loading(engine) as (load, _):
            load.stage(GIT_TAGS, tags("v1", "v2"))
            load.connection.execute(text("delete from pg_temp.staged_tags where tag_name = 'v2'"))
            load.merge(GIT_TAGS)

    with pytest.raises(LostRowsError, match="tags"):
        losing()
    assert rows("select count(*) from raw_git.tags") == [(0,)]
    assert rows("select status from ops.fetch_operations") == [("failure",)]


def test_a_source_that_fails_half_way_replaces_nothing(raw_tables: Settings, engine: Engine, rows: Query) -> None:
    load_tags(engine, "v1", sha="good")

    def broken() -> Iterator[str]:
        yield from tags("v1", "v2", sha="half")
        raise RuntimeError("the line broke")

    def failing() -> None:
        with loading(engine) as (load, _):
            load.move_cursor(REPOSITORY, {"head": "half"})
            load.stage(GIT_TAGS, broken())

    with pytest.raises(RuntimeError, match="the line broke"):
        failing()
    assert rows("select tag_name, sha from raw_git.tags") == [("v1", "good")]
    assert rows("select count(*) from ops.fetch_cursors") == [(0,)]
    assert rows("select status, rows_fetched, message from ops.fetch_operations order by started_at desc limit 1") == [
        ("failure", 0, "RuntimeError: the line broke")
    ]


def test_a_row_without_a_required_value_stops_the_load(raw_tables: Settings, engine: Engine, rows: Query) -> None:
    with pytest.raises(IntegrityError):
        load_lines(engine, copying.line((REPOSITORY, "v1", None, None, True)))
    assert rows("select count(*) from raw_git.tags") == [(0,)]


@pytest.mark.parametrize("values", [(REPOSITORY, "v1", "sha", "no date", True), (REPOSITORY, "v1", "sha", None)])
def test_a_value_of_another_type_stops_the_load(
    raw_tables: Settings, engine: Engine, values: tuple[str | None, ...]
) -> None:
    with pytest.raises(DatabaseError):
        load_lines(engine, copying.line(values))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_text_comes_out_as_it_went_in(raw_tables: Settings, engine: Engine, value: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("create temp table said (words text) on commit drop"))
        CopyLoad(connection, copying.Meter(), "", "").copy("pg_temp.said", ("words",), [copying.line((value,))])
        assert connection.execute(text("select words from pg_temp.said")).scalars().all() == [value]


def test_a_second_load_of_a_repository_waits_and_one_of_another_does_not(
    raw_tables: Settings, engine: Engine, rows: Query
) -> None:
    second = threading.Thread(target=load_tags, args=(engine, "v2"))
    with loading(engine) as (load, _):
        second.start()
        with loading(engine, "acme/another"):
            pass
        second.join(timeout=0.3)
        assert second.is_alive()
        load.stage(GIT_TAGS, tags("v1"))
        load.merge(GIT_TAGS)
    second.join(timeout=30)
    assert rows("select tag_name from raw_git.tags order by 1") == [("v1",), ("v2",)]


def test_raw_tables_that_are_missing_are_made(raw_tables: Settings, engine: Engine, rows: Query) -> None:
    with engine.begin() as connection:
        connection.execute(text("drop table raw_git.tags cascade"))
    load_tags(engine, "v1")
    assert rows("select tag_name from raw_git.tags") == [("v1",)]
