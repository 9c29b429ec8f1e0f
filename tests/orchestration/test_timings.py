"""What calculations cost: how they are judged, where dbt tells it, what the newest ones are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from app.queries.timings import calculation_timings
from core.database import database_url, make_engine
from core.settings import Settings
from orchestration.timings import Timing, judge, of_dbt, store, timed
from tests.conftest import make_database

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return make_database(server, "dpp_timings")


@pytest.fixture
def connection(settings: Settings) -> Iterator[Connection]:
    """A transaction that is undone after the test."""
    engine = make_engine(database_url(settings))
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()
    engine.dispose()


@pytest.mark.parametrize(
    ("seconds", "rows", "status"),
    [
        (2.0, 1_000, "pass"),
        (2.4, 1_000, "warning"),
        (2.5, 1_000, "fail"),
        (2.5, None, "fail"),
        (5.0, 1_001, "pass"),
        (6.0, 5_000, "warning"),
        (20.0, 20_000, "pass"),
        (25.0, 20_000, "fail"),
    ],
)
def test_the_target_is_two_seconds_for_a_thousand_and_five_for_five_thousand(
    seconds: float, rows: int | None, status: str
) -> None:
    assert judge(seconds, rows) == status


def test_an_administrator_sets_other_targets(connection: Connection) -> None:
    connection.execute(text("insert into config.thresholds values ('calculation_seconds_small', 0.5, 'stricter')"))
    store(connection, [Timing("metrics.one", NOW, 1.0, 10)])
    assert [one.status for one in calculation_timings(connection)] == ["fail"]


def test_the_newest_timing_stands_beside_the_usual_one_and_failures_come_first(connection: Connection) -> None:
    store(connection, [Timing("a.fine", NOW - timedelta(days=40), 9.0, 10)])
    store(
        connection, [Timing("a.fine", NOW - timedelta(days=age), seconds, 10) for age, seconds in ((2, 0.1), (1, 0.3))]
    )
    store(connection, [Timing("a.fine", NOW, 0.2, 10), Timing("b.slow", NOW, 3.0, 10)])
    slow, fine = calculation_timings(connection)
    assert (slow.calculation, slow.status) == ("b.slow", "fail")
    assert (fine.calculation, fine.status, fine.seconds, fine.usual_seconds, fine.runs) == (
        "a.fine",
        "pass",
        0.2,
        0.2,
        3,
    )


def test_after_three_months_a_timing_is_dropped(connection: Connection) -> None:
    store(connection, [Timing("a.fine", NOW - timedelta(days=91), 0.1, 1)])
    store(connection, [Timing("a.fine", NOW, 0.1, 1)])
    assert connection.execute(text("select count(*) from ops.calculation_timings")).scalar() == 1
    store(connection, [])


def test_a_block_is_timed_with_the_rows_that_it_says_it_wrote(connection: Connection) -> None:
    with timed(connection, "forecast.some") as count:
        count.rows = 7
    [one] = calculation_timings(connection)
    assert (one.calculation, one.rows_written, one.status, one.seconds > 0) == ("forecast.some", 7, "pass", True)


def test_dbt_tells_what_each_model_cost(tmp_path: Path) -> None:
    file = tmp_path / "run_results.json"
    assert of_dbt(file) == []
    timing = [
        {"name": "compile", "started_at": "2026-03-04T11:59:59Z"},
        {"name": "execute", "started_at": "2026-03-04T12:00:00Z"},
    ]
    made = {"status": "success", "timing": timing, "execution_time": 0.25, "adapter_response": {"rows_affected": 12}}
    results = [
        {**made, "unique_id": "model.p.wip", "relation_name": '"dpp"."metrics"."wip"'},
        {**made, "unique_id": "model.p.view", "relation_name": '"dpp"."staging"."view"', "adapter_response": {}},
        {**made, "unique_id": "test.p.unique", "relation_name": None},
        {**made, "unique_id": "model.p.not_built", "relation_name": '"dpp"."metrics"."not"', "timing": []},
        {**made, "unique_id": "model.p.broken", "relation_name": '"dpp"."metrics"."broken"', "status": "error"},
    ]
    file.write_text(json.dumps({"results": results}), encoding="utf-8")
    assert of_dbt(file) == [Timing("metrics.wip", NOW, 0.25, 12), Timing("staging.view", NOW, 0.25, None)]
