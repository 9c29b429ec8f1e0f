"""The worker builds what dbt builds, of no more tables than what arrived can change, and misses nothing."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from psycopg import Connection
from sqlalchemy import Engine, text

from core import clock
from core.database import LANDING_CHANNEL, database_url, make_engine
from core.settings import Settings
from ingestion.pipelines import prepare_raw_tables
from orchestration import build_lock, mart_state
from orchestration.worker import loop
from orchestration.worker.build import News, build
from orchestration.worker.plan import Plan, learn
from orchestration.worker.reports import Reports
from tests.conftest import make_database
from tests.dbt.jira_payloads import CONFIGURATION, Delivery, Ticket, land
from tests.marts import build_marts

JANUARY = datetime(2026, 1, 5, 9, tzinfo=UTC)
# Written anew by a build that starts from nothing, and telling only of the building.
OF_THE_BUILD = {"revision", "computed_at"}
DERIVED = ("events", "cycles", "metrics", "quality")
PATIENCE_SECONDS = 120


def story(first: int, count: int) -> list[Delivery]:
    """Tickets that are made, worked on and mostly finished, one every two hours."""
    told = []
    for number in range(first, first + count):
        begin = JANUARY + timedelta(hours=2 * number)
        ticket = Ticket(f"PAY-{number}", begin)
        told += [ticket.made(), ticket.moved(begin + timedelta(hours=20), "In Progress")]
        if number % 3:
            told.append(ticket.moved(begin + timedelta(hours=70), "Done", "Fixed"))
    return told


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    made = make_database(server, "dpp_worker")
    prepare_raw_tables(made)
    return made


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        connection.execute(text(CONFIGURATION))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def plan(settings: Settings, engine: Engine) -> Plan:
    """Learnt while ten tickets were there."""
    land(engine, story(1, 10))
    build_marts(settings, clock.now(), command="seed")
    return learn(settings)


@pytest.fixture
def connection(settings: Settings) -> Iterator[Connection[tuple[object, ...]]]:
    url = database_url(settings).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as made:
        yield made


@pytest.fixture(autouse=True)
def this_database(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "get_engine", lambda: engine)


def derived_rows(engine: Engine) -> dict[str, list[str]]:
    """Every row of every derived table, as text in one order."""
    with engine.connect() as connection:
        tables = connection.execute(
            text("select schemaname, tablename from pg_tables where schemaname = any(:schemas) order by 1, 2"),
            {"schemas": list(DERIVED)},
        ).all()
        return {
            f"{schema}.{table}": sorted(
                connection.execute(
                    text(f"select (to_jsonb(t) - cast(:left_out as text[]))::text from {schema}.{table} as t"),
                    {"left_out": list(OF_THE_BUILD)},
                ).scalars()
            )
            for schema, table in tables
        }


def test_what_the_worker_builds_is_what_dbt_builds_from_nothing(
    settings: Settings, engine: Engine, plan: Plan, connection: Connection[tuple[object, ...]]
) -> None:
    land(engine, story(11, 15))
    as_of = clock.now() + timedelta(minutes=1)
    done = build(connection, plan, News(frozenset({"jira"})), as_of, dated=True)
    assert done.changed["cycles.work_item_cycles"] == 10
    built = derived_rows(engine)
    build_marts(settings, as_of, full_refresh=True, command="run")
    anew = derived_rows(engine)
    assert [name for name in anew if built[name] != anew[name]] == []
    assert built["metrics.daily_stream_metrics"]


def test_only_what_the_arrivals_can_change_is_run(
    engine: Engine, plan: Plan, connection: Connection[tuple[object, ...]]
) -> None:
    build(connection, plan, News(everything=True), clock.now(), dated=True)

    pushed = build(connection, plan, News(frozenset({"push"})), clock.now(), dated=False)
    assert "staging.stg_push__deployments" in pushed.written
    assert not pushed.changed
    assert "cycles.work_item_cycles" not in pushed.written

    land(engine, [Ticket("PAY-90", JANUARY).made()])
    made = build(connection, plan, News(frozenset({"jira"})), clock.now(), dated=False)
    assert made.changed["events.work_item_events"] == 1
    assert "staging.stg_github__pull_requests" not in made.written


def test_a_change_of_the_configuration_is_news(
    engine: Engine, plan: Plan, connection: Connection[tuple[object, ...]]
) -> None:
    with engine.begin() as other:
        other.execute(text("update config.status_mappings set is_active_work = not is_active_work"))
    done = build(connection, plan, News(inputs=frozenset({"config.status_mappings"})), clock.now(), dated=False)
    assert done.changed["cycles.work_item_stage_intervals"] > 0
    with engine.begin() as other:
        other.execute(text("update config.status_mappings set is_active_work = not is_active_work"))
    build(connection, plan, News(inputs=frozenset({"config.status_mappings"})), clock.now(), dated=False)


def test_a_failing_model_leaves_the_last_good_rows(
    engine: Engine, plan: Plan, connection: Connection[tuple[object, ...]]
) -> None:
    before = derived_rows(engine)["cycles.work_item_cycles"]
    with engine.begin() as other:
        other.execute(text("alter table events.work_item_events rename to hidden"))
    try:
        with pytest.raises(psycopg.errors.UndefinedTable):
            build(connection, plan, News(everything=True), clock.now(), dated=False)
    finally:
        with engine.begin() as other:
            other.execute(text("alter table events.hidden rename to work_item_events"))
    assert derived_rows(engine)["cycles.work_item_cycles"] == before


def work(settings: Settings) -> None:
    """A worker in a process of its own, until it is killed."""
    with dg.DagsterInstance.ephemeral() as instance:
        engine = make_engine(database_url(settings))
        loop.get_engine = lambda: engine  # type: ignore[assignment]
        loop.run_worker(settings, Reports(instance))


def wait_until_built(engine: Engine, landing_id: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            if mart_state.built_until(connection) >= landing_id:
                return
        time.sleep(0.05)
    raise AssertionError("the worker has not built it")


def newest(engine: Engine) -> int:
    with engine.connect() as connection:
        return mart_state.newest_landing_id(connection)


def arrive(engine: Engine, deliveries: list[Delivery]) -> int:
    """Land deliveries as the sink does, which says so; returns the newest number."""
    land(engine, deliveries)
    with engine.begin() as connection:
        connection.execute(text(f"notify {LANDING_CHANNEL}"))
    return newest(engine)


def test_a_worker_that_is_killed_at_any_moment_misses_nothing(settings: Settings, engine: Engine, plan: Plan) -> None:
    context = multiprocessing.get_context("fork")
    first = 100
    for seconds in (0.0, 0.08, 0.3):
        child = context.Process(target=work, args=(settings,))
        child.start()
        # It begins with a whole build, which notes how far it came.
        wait_until_built(engine, arrive(engine, story(first, 2)))
        arrive(engine, story(first + 2, 20))
        child.join(seconds)
        child.kill()
        child.join()
        first += 30

    with dg.DagsterInstance.ephemeral() as instance:
        reports, ended = Reports(instance), threading.Event()
        worker = threading.Thread(target=loop.run_worker, args=(settings, reports), kwargs={"is_ended": ended.is_set})
        worker.start()
        wait_until_built(engine, arrive(engine, story(first, 2)))
        assert build_lock.worker_lives(engine)
        with pytest.raises(loop.WorkerRuns):
            loop.run_worker(settings, reports)
        ended.set()
        worker.join(timeout=30)
        reports.close()
    assert not build_lock.worker_lives(engine)

    built = derived_rows(engine)["cycles.work_item_cycles"]
    build_marts(settings, clock.now(), full_refresh=True, select=("+work_item_cycles",), command="run")
    assert built == derived_rows(engine)["cycles.work_item_cycles"]
    assert sum("PAY-1" in row for row in built) > 30


def test_dagster_hears_of_what_was_built() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        reports = Reports(instance)
        reports.gather({"cycles.work_item_cycles": 3})
        reports.gather({"cycles.work_item_cycles": 4})
        reports.send(landing_id=17)
        reports.close()
        event = instance.get_latest_materialization_event(dg.AssetKey(["cycles", "work_item_cycles"]))
    assert event is not None
    assert event.asset_materialization is not None
    told = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert told == {"rows_written": 7, "builds": 2, "landing_id": 17}
