"""The routes below /api/v1 that are read, and the two that tell a supervisor how we are.

In: an engine. Out: `create_api`. Every answer is in the envelope of `app.api.envelope`; a stream is named by
its id, name or display name, and all streams together where none is named.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from app.api import encode
from app.api.access import Readers
from app.api.envelope import ApiError, failure, success
from app.queries.current import current_metrics, metric_catalogue
from app.queries.forecast import latest_forecasts
from app.queries.readiness import build_state, data_as_of
from app.queries.realtime import cycle_times, work_in_progress
from app.queries.streams import (
    AmbiguousStream,
    UnknownStream,
    list_delivery_streams,
    list_tech_streams,
    select_stream,
)
from app.queries.trends import MOST_DAYS, default_days, trends
from app.queries.values import DEFAULT_WINDOW, DORA_METRICS, MetricValue, Selection
from app.queries.what_if import Plan, UnanswerablePlan, what_if
from core.forecasting.what_if import MOST_WEEKS

PREFIX = "/api/v1"
# More than any backlog; the exact answer for so many takes a second.
MOST_ITEMS = 10_000


class Window(IntEnum):
    """The rolling windows that the marts hold, in days."""

    week = 7
    month = 30
    quarter = 90


class Sampled(IntEnum):
    """How many past weeks a what-if may draw from."""

    short = 6
    usual = 12
    long = 26


class WhatIfParameters(BaseModel):
    """What is to be different; see `app.queries.what_if.Plan`."""

    stream: list[str] = Field([], description="Delivery streams, by id, name or display name; all where left out.")
    items: int | None = Field(None, ge=0, le=MOST_ITEMS, description="Items to do, in place of those that remain.")
    scope_change: int = Field(0, ge=-MOST_ITEMS, le=MOST_ITEMS, description="Items more, or fewer if negative.")
    window_weeks: Sampled = Field(Sampled.usual, description="How many past weeks are drawn from.")
    week_off: list[date] = Field([], max_length=MOST_WEEKS, description="A day of a coming week that is off.")
    strength: float = Field(0, ge=0, le=1, description="What a week off still completes: 0 nothing, 0.5 half.")
    by: date | None = Field(None, description="How many items will be done by the end of this day?")


StreamParameter = Annotated[
    str | None,
    Query(description="Id, name or display name of a delivery or technology stream; all streams where left out."),
]
WindowParameter = Annotated[Window, Query(description="Length of the rolling window in days.")]
DaysParameter = Annotated[
    int | None, Query(ge=1, le=MOST_DAYS, description="Days of history; six windows where left out.")
]


class MetricsApi:
    """The questions of specification 004 §7.3.2 that this version answers, on one engine."""

    def __init__(self, engine: Engine, timezone: str) -> None:
        self.engine = engine
        self.timezone = timezone

    def realtime(self, stream: StreamParameter = None) -> Response:
        """Work in progress by stage and the cycle times of the last 30 days."""
        with self.engine.connect() as connection:
            selection = _selection(connection, stream)
            wip = work_in_progress(connection, selection)
            scatter = cycle_times(connection, selection, DEFAULT_WINDOW)
            metrics = current_metrics(connection, selection, DEFAULT_WINDOW)
            data = {
                "wip_by_stage": encode.work_in_progress(wip),
                "cycle_time": encode.cycle_times(scatter),
                "metrics": _in_contract(connection, metrics),
            }
            computed_at = wip.as_of or data_as_of(connection)
        return success(data, encode.about(selection) | {"window_days": DEFAULT_WINDOW, "computed_at": computed_at})

    def trends(
        self, stream: StreamParameter = None, window: WindowParameter = Window.month, days: DaysParameter = None
    ) -> Response:
        """Daily series of the DORA metrics over a rolling window, with their newest values."""
        with self.engine.connect() as connection:
            selection = _selection(connection, stream)
            answer = trends(connection, selection, window.value, days=days)
            metrics = current_metrics(connection, selection, window.value, names=tuple(sorted(DORA_METRICS)))
            data = {
                "state": encode.state(answer.state),
                "metrics": _in_contract(connection, metrics),
                "series": [encode.series(one) for one in answer.series],
            }
        meta = {
            "window_days": window.value,
            "days": days or default_days(window.value),
            "computed_at": answer.computed_at,
        }
        return success(data, encode.about(selection) | meta)

    def forecast(self, stream: StreamParameter = None) -> Response:
        """The newest delivery forecast of one delivery stream, or of each."""
        with self.engine.connect() as connection:
            selection = _selection(connection, stream)
            answer = latest_forecasts(connection, selection)
        data = {
            "state": encode.state(answer.state),
            "forecasts": [encode.forecast(one) for one in answer.forecasts],
        }
        computed_at = max((one.computed_at for one in answer.forecasts), default=None)
        return success(data, encode.about(selection) | {"window_days": None, "computed_at": computed_at})

    def what_if(self, asked: Annotated[WhatIfParameters, Query()]) -> Response:
        """When will it be done if scope, holidays or the pace were others, and how many items by a day?

        Several streams: when are all of them done? Exact answers, no simulation.
        """
        plan = Plan(
            asked.items, asked.scope_change, asked.window_weeks.value, tuple(asked.week_off), asked.strength, asked.by
        )
        with self.engine.connect() as connection:
            selections = [_selection(connection, one) for one in asked.stream or ["all"]]
            try:
                answer = what_if(connection, selections, plan, timezone=self.timezone)
            except UnanswerablePlan as error:
                raise ApiError(422, "unanswerable_plan", str(error)) from None
            computed_at = data_as_of(connection)
        return success(encode.what_if(answer), {"streams": len(answer.streams), "computed_at": computed_at})

    def delivery_streams(self) -> Response:
        """The delivery streams in use."""
        with self.engine.connect() as connection:
            streams = list_delivery_streams(connection)
        return success([encode.stream(one) for one in streams], {"stream_type": "delivery", "count": len(streams)})

    def tech_streams(self) -> Response:
        """The technology streams in use."""
        with self.engine.connect() as connection:
            streams = list_tech_streams(connection)
        return success([encode.stream(one) for one in streams], {"stream_type": "tech", "count": len(streams)})


class Health:
    """Liveness and readiness, open to a supervisor without credentials; they tell nothing else."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def alive(self) -> Response:
        """200 while the process answers."""
        return success({"alive": True}, {})

    def ready(self) -> Response:
        """200 while the database answers, 503 else; `is_built` says whether there are metrics to show."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("select 1"))
                is_built = build_state(connection).is_success
        except OperationalError:
            return failure(503, "database_unavailable", "The database does not answer")
        return success({"ready": True, "is_built": is_built}, {})


def create_api(engine: Engine, *, timezone: str = "UTC") -> APIRouter:
    """The router to include in an application; see `app.api` for the composition. Days are those of `timezone`."""
    router = APIRouter()
    api = MetricsApi(engine, timezone)
    readers = APIRouter(prefix=PREFIX, dependencies=[Depends(Readers(engine).require)])
    readers.add_api_route("/metrics/realtime", api.realtime, methods=["GET"], tags=["metrics"])
    readers.add_api_route("/metrics/trends", api.trends, methods=["GET"], tags=["metrics"])
    readers.add_api_route("/metrics/forecast", api.forecast, methods=["GET"], tags=["metrics"])
    readers.add_api_route("/forecast/what-if", api.what_if, methods=["GET"], tags=["forecast"])
    readers.add_api_route("/streams/delivery", api.delivery_streams, methods=["GET"], tags=["streams"])
    readers.add_api_route("/streams/tech", api.tech_streams, methods=["GET"], tags=["streams"])
    router.include_router(readers)
    health = Health(engine)
    router.add_api_route("/healthz", health.alive, methods=["GET"], tags=["health"])
    router.add_api_route("/readyz", health.ready, methods=["GET"], tags=["health"])
    return router


def _selection(connection: Connection, wanted: str | None) -> Selection:
    try:
        return select_stream(connection, wanted)
    except UnknownStream:
        raise ApiError(404, "unknown_stream", "No stream has this id or name; see /api/v1/streams/delivery") from None
    except AmbiguousStream:
        message = "A delivery and a technology stream share this name; use the id"
        raise ApiError(422, "ambiguous_stream", message) from None


def _in_contract(connection: Connection, metrics: tuple[MetricValue, ...]) -> list[dict[str, object]]:
    catalogue = metric_catalogue(connection) if metrics else {}
    return [encode.metric(value, catalogue.get(value.metric_name)) for value in metrics]
