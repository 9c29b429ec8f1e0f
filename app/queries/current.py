"""What are the numbers now, and what do they mean?

In: a connection, a stream, a window. Out: the newest day's metrics in the value contract, the metrics of a window that
the reader chose, and the catalogue.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from app.queries.readiness import missing_marts
from app.queries.values import (
    MOST_DAYS_OF_A_WINDOW,
    CatalogueEntry,
    MetricValue,
    Selection,
    Window,
    WindowValue,
    window_name,
)


class InvalidWindow(ValueError):
    """The window ends before it begins, or is longer than a year; the message says which."""


def current_metrics(
    connection: Connection, selection: Selection, window: Window, *, names: tuple[str, ...] = ()
) -> tuple[MetricValue, ...]:
    """The stream's metrics over the newest window, by name and segment; only `names` where given.

    Empty before the first build, for a stream that the marts do not know yet, and of a sprint where there is none.
    """
    if missing_marts(connection):
        return ()
    rows = connection.execute(
        text(
            """
            select *
            from metrics.current_metrics
            where stream_type = :stream_type
                and stream_id = :stream_id
                and window_name = :window_name
                and (cardinality(cast(:names as text[])) = 0 or metric_name = any(cast(:names as text[])))
            order by metric_name, segment, percentile
            """
        ),
        {
            "stream_type": selection.stream_type,
            "stream_id": selection.stream_id,
            "window_name": window_name(window),
            "names": list(names),
        },
    ).mappings()
    return tuple(_metric_value(row) for row in rows)


def metrics_between(
    connection: Connection, selection: Selection, first_day: date, last_day: date
) -> tuple[WindowValue, ...]:
    """The stream's metrics over any window, both days included, by name and segment: what was ever observed by then.

    By the same definitions as the daily rows. Empty before the first build. Raises `InvalidWindow` for a window that
    ends before it begins or has more than `MOST_DAYS_OF_A_WINDOW` days.
    """
    days = (last_day - first_day).days + 1
    if days < 1:
        raise InvalidWindow(f"A window must end on or after the day on which it begins: {first_day} to {last_day}.")
    if days > MOST_DAYS_OF_A_WINDOW:
        raise InvalidWindow(f"A window has {MOST_DAYS_OF_A_WINDOW} days at most; {first_day} to {last_day} has {days}.")
    if missing_marts(connection):
        return ()
    rows = connection.execute(
        text("select * from metrics.stream_metrics_between(:stream_type, :stream_id, :first_day, :last_day)"),
        {
            "stream_type": selection.stream_type,
            "stream_id": selection.stream_id,
            "first_day": first_day,
            "last_day": last_day,
        },
    ).mappings()
    return tuple(
        WindowValue(
            metric_name=row["metric_name"],
            segment=row["segment"],
            percentile=row["percentile"],
            first_day=first_day,
            last_day=last_day,
            value=number(row["metric_value"]),
            unit=row["metric_unit"],
            sample_size=row["sample_size"],
            excluded_count=row["excluded_count"],
        )
        for row in rows
    )


def metric_catalogue(connection: Connection) -> dict[str, CatalogueEntry]:
    """Every metric's definition by name; empty before the first build."""
    if missing_marts(connection):
        return {}
    rows = connection.execute(text("select * from metrics.metric_catalogue order by metric_name")).mappings()
    return {row["metric_name"]: _catalogue_entry(row) for row in rows}


def number(value: Decimal | float | int | None) -> float | None:
    """A database number as a float; None stays None, for it is not zero."""
    return None if value is None else float(value)


def _metric_value(row: RowMapping) -> MetricValue:
    succeeded = row["error_state"] == "success"
    return MetricValue(
        metric_name=row["metric_name"],
        percentile=row["percentile"],
        window_days=row["window_days"],
        # The contract: a value only where the state is success.
        value=number(row["metric_value"]) if succeeded else None,
        unit=row["metric_unit"],
        performance_tier=row["performance_tier"] if succeeded else None,
        tier_colour=row["tier_colour"] if succeeded else None,
        tier_edition=_text(row["tier_edition"]),
        window_start=row["window_start"],
        window_end=row["window_end"],
        error_state=row["error_state"],
        error_message=row["error_message"],
        sample_size=row["sample_size"] or 0,
        excluded_count=row["excluded_count"] or 0,
        previous_value=number(row["previous_value"]),
        trend_direction=row["trend_direction"],
        trend_percentage=number(row["trend_percentage"]),
        is_low_confidence=bool(row["is_low_confidence"]),
        confidence_reason=row["confidence_reason"],
        segment=row["segment"],
        window_name=row["window_name"],
    )


def _catalogue_entry(row: RowMapping) -> CatalogueEntry:
    words = ("display_name", "formula", "unit", "zone", "framework", "refresh", "question", "behavioural_intent")
    return CatalogueEntry(
        metric_name=row["metric_name"],
        direction=row["direction"],
        target=number(row["target"]),
        **{word: _text(row[word]) or "" for word in words},
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
