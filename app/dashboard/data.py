"""The queries of the page, kept for as long as the marts do not change.

In: what the reader chose, and `built`, the instant that the marts describe: a new build is a new key, so
nobody waits for a cache to run out. Out: the typed values of `app.queries`, shared by all sessions
(they cannot be changed). Half a minute is the longest that a changed configuration stays unseen.
"""
# ruff: noqa: ARG001 - `built` is there to be a part of the key

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app.dashboard.connection import connected
from app.queries import current, forecast, readiness, realtime, streams, trends
from app.queries import what_if as questions
from app.queries.values import (
    CatalogueEntry,
    CycleTimes,
    Forecasts,
    MetricValue,
    Selection,
    State,
    Stream,
    Trends,
    WorkInProgress,
)

KEEP_SECONDS = 30
MOST_ANSWERS = 256


def data_as_of() -> datetime | None:
    """The instant that the marts describe; asked every time."""
    with connected().engine.connect() as connection:
        return readiness.data_as_of(connection)


def build_state() -> State:
    """Whether the marts exist; asked every time."""
    with connected().engine.connect() as connection:
        return readiness.build_state(connection)


@st.cache_resource(ttl=KEEP_SECONDS, max_entries=2, show_spinner=False)
def all_streams() -> tuple[tuple[Stream, ...], tuple[Stream, ...]]:
    """The delivery and the technology streams in use."""
    with connected().engine.connect() as connection:
        return streams.list_delivery_streams(connection), streams.list_tech_streams(connection)


@st.cache_resource(ttl=KEEP_SECONDS, max_entries=2, show_spinner=False)
def catalogue(built: datetime | None) -> dict[str, CatalogueEntry]:
    """The definitions of all metrics."""
    with connected().engine.connect() as connection:
        return current.metric_catalogue(connection)


@st.cache_resource(ttl=KEEP_SECONDS, max_entries=MOST_ANSWERS, show_spinner=False)
def metrics(selection: Selection, window_days: int, built: datetime | None) -> dict[str, MetricValue]:
    """The newest metrics of a stream by name."""
    with connected().engine.connect() as connection:
        return {one.metric_name: one for one in current.current_metrics(connection, selection, window_days)}


@st.cache_resource(ttl=KEEP_SECONDS, max_entries=MOST_ANSWERS, show_spinner=False)
def work_in_progress(selection: Selection, built: datetime | None) -> WorkInProgress:
    """What is in the pipeline."""
    with connected().engine.connect() as connection:
        return realtime.work_in_progress(connection, selection)


@st.cache_resource(ttl=KEEP_SECONDS, max_entries=MOST_ANSWERS, show_spinner=False)
def cycle_times(selection: Selection, built: datetime | None) -> CycleTimes:
    """The items completed in the last 30 days."""
    with connected().engine.connect() as connection:
        return realtime.cycle_times(connection, selection)


@st.cache_resource(ttl=KEEP_SECONDS, max_entries=MOST_ANSWERS, show_spinner=False)
def trend_series(selection: Selection, window_days: int, built: datetime | None) -> Trends:
    """The series of the trend views."""
    with connected().engine.connect() as connection:
        return trends.trends(connection, selection, window_days)


@st.cache_resource(ttl=KEEP_SECONDS, max_entries=MOST_ANSWERS, show_spinner=False)
def forecasts(selection: Selection, built: datetime | None) -> Forecasts:
    """The newest forecasts."""
    with connected().engine.connect() as connection:
        return forecast.latest_forecasts(connection, selection)


@st.cache_resource(ttl=KEEP_SECONDS, max_entries=MOST_ANSWERS, show_spinner=False)
def what_if(selection: Selection, plan: questions.Plan, built: datetime | None) -> questions.WhatIf:
    """The answer to a plan; raises `UnanswerablePlan`."""
    with connected().engine.connect() as connection:
        return questions.what_if(connection, [selection], plan, timezone=connected().settings.timezone)
