"""New events start a build: one for a burst, none while one is under way, none twice, none forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from core import clock
from core.database import WORKER_LOCK
from orchestration.build_lock import build_lock, is_building
from orchestration.defs.ingest.landing import LANDING
from orchestration.defs.operations import sensors
from orchestration.defs.operations.jobs import IN_PROCESS_TAG, LANDING_TAG
from orchestration.defs.operations.sensors import Arrivals, new_events, reason_to_wait
from orchestration.mart_state import note_build

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def arrivals(*, first: float, last: float) -> Arrivals:
    """Events that came so many seconds before NOW."""
    return Arrivals(5, 105, NOW - timedelta(seconds=first), NOW - timedelta(seconds=last))


@pytest.mark.parametrize(
    ("what", "building", "reason"),
    [
        (None, False, "Nothing has arrived"),
        (arrivals(first=4, last=1), False, "more may follow"),
        (arrivals(first=31, last=1), False, None),
        (arrivals(first=4, last=3), False, None),
        (arrivals(first=60, last=60), True, "wait for the build"),
    ],
)
def test_a_burst_is_waited_for_but_not_for_long(what: Arrivals | None, building: bool, reason: str | None) -> None:
    said = reason_to_wait(what, NOW, building=building)
    assert (said is None) == (reason is None)
    assert reason is None or reason in str(said)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def landing(clean_database: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(sensors, "get_engine", lambda: clean_database)
    return clean_database


def land(engine: Engine, *, seconds_ago: float) -> int:
    """One more delivery; returns its landing_id."""
    with engine.begin() as connection:
        landing_id: int = connection.execute(
            text(
                "insert into landing.raw_events (received_at, source, event_name, delivery_id, payload)"
                " values (:received_at, 'push', 'incident', gen_random_uuid()::text, '{}') returning landing_id"
            ),
            {"received_at": NOW - timedelta(seconds=seconds_ago)},
        ).scalar_one()
    return landing_id


def tick(instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    with clock.stopped_at(NOW), dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = new_events(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_events_start_one_run_and_the_cursor_moves_behind_them(landing: Engine, instance: dg.DagsterInstance) -> None:
    land(landing, seconds_ago=20)
    newest = land(landing, seconds_ago=10)
    result = tick(instance, None)
    [request] = result.run_requests or []
    assert (request.run_key, request.tags[LANDING_TAG]) == (f"landing-{newest}", str(newest))
    assert result.cursor == str(newest)
    [report] = result.asset_events
    assert report.asset_key == LANDING
    assert report.metadata["new_events"].value == 2

    again = tick(instance, result.cursor)
    assert (again.run_requests or [], again.cursor) == ([], str(newest))


def test_only_what_came_after_the_cursor_is_new(landing: Engine, instance: dg.DagsterInstance) -> None:
    seen = land(landing, seconds_ago=20)
    newest = land(landing, seconds_ago=10)
    result = tick(instance, str(seen))
    assert result.asset_events[0].metadata["new_events"].value == 1
    assert result.cursor == str(newest)


def test_a_burst_keeps_the_cursor_where_it_was(landing: Engine, instance: dg.DagsterInstance) -> None:
    land(landing, seconds_ago=1)
    result = tick(instance, "0")
    assert (result.run_requests or [], result.cursor) == ([], "0")
    assert "more may follow" in str(result.skip_reason)


def test_while_somebody_builds_no_run_is_started_and_nothing_is_forgotten(
    landing: Engine, instance: dg.DagsterInstance
) -> None:
    newest = land(landing, seconds_ago=10)
    with build_lock(landing, print):
        assert is_building(landing)
        result = tick(instance, "0")
        assert (result.run_requests or [], result.cursor) == ([], "0")
    assert not is_building(landing)
    assert tick(instance, "0").cursor == str(newest)


def test_a_run_that_has_not_ended_counts_as_a_build_under_way(landing: Engine, instance: dg.DagsterInstance) -> None:
    land(landing, seconds_ago=10)
    with clock.stopped_at(NOW):
        assert not sensors.run_under_way(instance)
    instance.add_run(dg.DagsterRun(job_name="update_marts", status=dg.DagsterRunStatus.STARTED))
    result = tick(instance, "0")
    assert (result.run_requests or [], result.cursor) == ([], "0")


def test_a_command_that_was_killed_while_it_built_does_not_silence_the_sensor(
    landing: Engine, instance: dg.DagsterInstance
) -> None:
    newest = land(landing, seconds_ago=10)
    left = dg.DagsterRun(job_name="rebuild", status=dg.DagsterRunStatus.STARTED, tags={IN_PROCESS_TAG: "true"})
    instance.add_run(left)
    assert tick(instance, "0").cursor == str(newest)


def test_the_first_tick_starts_behind_what_the_marts_contain(landing: Engine, instance: dg.DagsterInstance) -> None:
    built = land(landing, seconds_ago=60)
    with landing.begin() as connection, clock.stopped_at(NOW):
        note_build(connection, built, "run", changed=True)
    result = tick(instance, None)
    assert (result.run_requests or [], result.cursor) == ([], str(built))
    newest = land(landing, seconds_ago=10)
    assert tick(instance, result.cursor).cursor == str(newest)


def test_what_arrives_is_left_to_a_living_worker_for_a_minute(landing: Engine, instance: dg.DagsterInstance) -> None:
    newest = land(landing, seconds_ago=59)
    with landing.connect().execution_options(isolation_level="AUTOCOMMIT") as worker:
        worker.execute(text("select pg_advisory_lock(:key)"), {"key": WORKER_LOCK})
        result = tick(instance, "0")
        assert (result.run_requests or [], result.cursor) == ([], "0")
        assert "the worker builds" in str(result.skip_reason)
        land(landing, seconds_ago=61)
        assert len(tick(instance, "0").run_requests or []) == 1
        worker.execute(text("select pg_advisory_unlock(:key)"), {"key": WORKER_LOCK})
    assert tick(instance, "0").cursor == str(newest + 1)
