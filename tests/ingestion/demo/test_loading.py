"""The demo company through the real front door, and the marts against what the simulation knows to be true."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from ingestion import demo
from ingestion.demo import load_demo
from ingestion.demo.company import DELIVERY_STREAMS, TECH_STREAMS, stable_id
from ingestion.demo.history import History
from ingestion.demo.payloads import Deliveries, DemoRequest
from ingestion.demo.sender import DeliveryRefused, SendReport, send_all
from ingestion.demo.truth import ALL, truth_of
from ingestion.pipelines import prepare_raw_tables
from tests.conftest import RunningDoor
from tests.ingestion.demo.conftest import END, SIGNING
from tests.marts import build_marts

MODELS = ("+daily_stream_metrics", "+wip_by_stage", "+wip_by_day")
STREAMS = {
    **{("delivery", stable_id("delivery", stream.name)): stream.name for stream in DELIVERY_STREAMS},
    **{("tech", stable_id("tech", stream.name)): stream.name for stream in TECH_STREAMS},
    ("all", UUID(int=0)): ALL,
}


@pytest.fixture
def loaded(front_door: RunningDoor) -> RunningDoor:
    load_demo(front_door.settings, front_door.engine, front_door.url, end=END, months=3)
    return front_door


def _count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())


def test_a_wrong_secret_is_a_clear_error(front_door: RunningDoor, short_history: History) -> None:
    with pytest.raises(DeliveryRefused, match="401"):
        send_all(Deliveries(short_history, SIGNING), front_door.url)


def test_the_marts_tell_the_truth(loaded: RunningDoor, short_history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries = Deliveries(short_history, SIGNING)
    assert _count(loaded.engine, "landing.raw_events") == len(deliveries) - deliveries.sent_twice
    _loading_again_would_send_what_is_there(loaded, monkeypatch)

    prepare_raw_tables(loaded.settings)
    build_marts(loaded.settings, short_history.period.end_at, full_refresh=True, select=MODELS, command="run")
    _compare_metrics(loaded.engine, short_history)
    _compare_board(loaded.engine, short_history)


def _loading_again_would_send_what_is_there(loaded: RunningDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an end, a later loading goes on with the history that this database knows already."""
    again: set[str] = set()

    def only_look(requests: Iterable[DemoRequest], *_: object, **__: object) -> SendReport:
        again.update(request.delivery_id for request in requests if request.path.startswith("/webhooks/"))
        return SendReport()

    monkeypatch.setattr(demo, "send_all", only_look)
    load_demo(loaded.settings, loaded.engine, loaded.url, months=3)
    with loaded.engine.connect() as connection:
        # The push API makes ids of its own out of key and sender's id.
        found = connection.execute(text("select delivery_id from landing.deliveries where source <> 'push'"))
        known: set[str] = set(found.scalars())
    assert again == known


def _compare_metrics(engine: Engine, history: History) -> None:
    truth = truth_of(history)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                """
                select stream_type, stream_id, metric_name, window_days, metric_value
                from metrics.daily_stream_metrics
                where metric_date = :day and window_name in ('7d', '30d', '90d')
                """
            ),
            {"day": truth.last_complete_day},
        ).all()
    shown: dict[tuple[str, str, int], float | None] = {}
    for row in rows:
        key = (STREAMS[row.stream_type, row.stream_id], row.metric_name, row.window_days)
        shown[key] = None if row.metric_value is None else float(row.metric_value)
    wanted: dict[tuple[str, str, int], float | None] = {}
    for (stream, days), flow in truth.flow.items():
        for name in (
            "cycle_time_p50", "cycle_time_p85", "cycle_time_p95", "throughput", "flow_efficiency",
            "lead_time_items_p50", "lead_time_items_p85", "flow_velocity", "flow_time",
        ):  # fmt: skip
            wanted[stream, name, days] = getattr(flow, name)
    for (stream, days), dora in truth.dora.items():
        for name in ("deployment_frequency", "change_failure_rate", "change_failure_rate_completed"):
            wanted[stream, name, days] = getattr(dora, name)
        for name in ("ttr_median", "ttr_mean", "lead_time_p50", "lead_time_p85"):
            wanted[stream, name, days] = getattr(dora, name)
    differing = {
        key: (value, shown.get(key))
        for key, value in wanted.items()
        if shown.get(key) != (value if value is None else pytest.approx(value, rel=1e-5))
    }
    assert differing == {}


def _compare_board(engine: Engine, history: History) -> None:
    truth = truth_of(history)
    with engine.connect() as connection:
        rows = connection.execute(text("select * from metrics.wip_by_stage")).all()
    shown = {
        (STREAMS[row.stream_type, row.stream_id], row.pipeline_stage, row.is_active_work): row.item_count
        for row in rows
    }
    assert shown == truth.wip
    for days_ago in (0, 20, 45):
        day = truth.last_complete_day - timedelta(days=days_ago)
        with engine.connect() as connection:
            rows = connection.execute(
                text("select * from metrics.wip_by_day where day = :day and item_count > 0"), {"day": day}
            ).all()
        standing = {(STREAMS[row.stream_type, row.stream_id], row.stage): row.item_count for row in rows}
        assert standing == truth.standing_on(day)
