"""The forecast asset's rows: one per stream and day, from the marts, the same when computed again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, text

from core.database import database_url, make_engine
from core.forecasting import exact_distribution, percentile_weeks
from core.settings import Settings
from orchestration.defs.forecast.snapshots import write_forecasts
from tests.conftest import make_database

AS_OF = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
WEEKS = (5, 0, 7, 4, 6, 5, 3, 8)


@pytest.fixture(scope="module")
def marts(server: Settings) -> Iterator[Engine]:
    """A database with the two marts that forecasts read, in the shape that their contract gives them."""
    engine = make_engine(database_url(make_database(server, "dpp_forecasts")))
    with engine.begin() as connection:
        connection.execute(
            text(
                "create table metrics.weekly_throughput"
                " (stream_type text, stream_id uuid, week_start date, completed_count bigint);"
                "create table metrics.wip_by_stage (stream_type text, stream_id uuid, pipeline_stage text,"
                " is_active_work boolean, item_count bigint, as_of timestamptz)"
            )
        )
    yield engine
    engine.dispose()


@pytest.fixture
def connection(marts: Engine) -> Iterator[Connection]:
    """A transaction that is undone after the test."""
    with marts.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def stream(connection: Connection, name: str, weeks: tuple[int, ...], stages: dict[str, int]) -> UUID:
    """A delivery stream with its weekly completions (latest last) and its open items by stage."""
    stream_id = uuid4()
    connection.execute(
        text("insert into config.delivery_streams (stream_id, name, display_name) values (:id, :name, :name)"),
        {"id": stream_id, "name": name},
    )
    for age, count in enumerate(reversed(weeks)):
        connection.execute(
            text("insert into metrics.weekly_throughput values ('delivery', :id, :week, :count)"),
            {"id": stream_id, "week": date(2026, 2, 23) - timedelta(weeks=age), "count": count},
        )
    for stage, count in stages.items():
        connection.execute(
            text("insert into metrics.wip_by_stage values ('delivery', :id, :stage, true, :count, :as_of)"),
            {"id": stream_id, "stage": stage, "count": count, "as_of": AS_OF},
        )
    return stream_id


def rows(connection: Connection) -> list[dict[str, object]]:
    found = connection.execute(text("select * from forecast.forecast_snapshots order by delivery_stream_id")).mappings()
    return [dict(row) for row in found]


def test_the_scope_is_everything_from_the_backlog_to_acceptance(connection: Connection, database: Settings) -> None:
    stages = {"backlog": 11, "ba": 2, "dev": 3, "code_review": 1, "qa": 4, "uat": 2}
    stream_id = stream(connection, "payments", WEEKS, stages)
    assert write_forecasts(connection, database) == 1
    [row] = rows(connection)
    assert row["delivery_stream_id"] == stream_id
    assert (row["scope_item_count"], row["throughput_samples"], row["method"]) == (23, 8, "monte_carlo")
    assert row["simulation_runs"] == database.forecast_simulations
    dates = [row[f"p{percentile}_completion_date"] for percentile in (50, 70, 85, 95)]
    assert dates == sorted(dates)  # type: ignore[type-var]
    assert all((day - date(2026, 3, 4)).days % 7 == 0 for day in dates)  # type: ignore[operator]


def test_the_forecast_is_dated_by_the_marts_in_the_organisations_time_zone(
    connection: Connection, database: Settings
) -> None:
    stream(connection, "payments", WEEKS, {"dev": 9})
    write_forecasts(connection, database.model_copy(update={"timezone": "Asia/Tokyo"}))
    assert rows(connection)[0]["forecast_date"] == date(2026, 3, 5)


def test_computing_a_day_again_replaces_its_rows_with_the_same_ones(connection: Connection, database: Settings) -> None:
    stream(connection, "payments", WEEKS, {"dev": 30})
    stream(connection, "insights", WEEKS[::-1], {"backlog": 30})
    write_forecasts(connection, database)
    first = rows(connection)
    write_forecasts(connection, database)
    again = rows(connection)
    assert len(first) == 2
    for row in (*first, *again):
        row.pop("computed_at")
    assert again == first


def test_the_dates_are_those_of_the_exact_distribution_and_the_simulation_stands_beside(
    connection: Connection, database: Settings
) -> None:
    stream(connection, "payments", WEEKS, {"dev": 30})
    write_forecasts(connection, database)
    [row] = rows(connection)
    data = row["distribution_data"]
    assert isinstance(data, dict)
    exact = percentile_weeks(exact_distribution(WEEKS, 30))
    assert data["weeks"] == {f"p{percentile}": week for percentile, week in exact.items()}
    assert row["p85_completion_date"] == date(2026, 3, 4) + timedelta(weeks=exact[85])
    assert data["simulated_weeks"].keys() == data["weeks"].keys()
    assert data["weekly_throughput"] == list(WEEKS)
    histogram = data["histogram"]
    assert sum(week["share"] for week in histogram) == pytest.approx(1, abs=1e-3)
    assert histogram[0]["week_ends_on"] == "2026-03-11"
    assert histogram[-1]["done_by_then_simulated"] == 1
    assert all(abs(week["done_by_then"] - week["done_by_then_simulated"]) < 0.03 for week in histogram)


def test_a_stream_that_never_completed_anything_has_a_row_with_the_reason(
    connection: Connection, database: Settings
) -> None:
    stream(connection, "new", (), {"backlog": 4})
    write_forecasts(connection, database)
    [row] = rows(connection)
    assert (row["method"], row["p50_completion_date"], row["scope_item_count"]) == ("none", None, 4)
    assert "nothing to forecast from" in str(row["note"])


def test_a_short_history_has_one_date_and_no_interval(connection: Connection, database: Settings) -> None:
    stream(connection, "young", (4, 4, 4), {"dev": 9})
    write_forecasts(connection, database)
    [row] = rows(connection)
    assert (row["method"], row["p50_completion_date"]) == ("linear", date(2026, 3, 25))
    assert row["p85_completion_date"] is None


def test_a_stream_that_is_switched_off_is_not_forecast(connection: Connection, database: Settings) -> None:
    stream_id = stream(connection, "closed", WEEKS, {"dev": 9})
    connection.execute(
        text("update config.delivery_streams set is_active = false where stream_id = :id"), {"id": stream_id}
    )
    assert write_forecasts(connection, database) == 0
