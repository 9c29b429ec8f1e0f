"""What are the numbers now, and what do they mean?

In: a connection, a stream, a window. Out: the newest day's metrics in the value contract, and the catalogue.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from app.queries.readiness import missing_marts
from app.queries.values import CatalogueEntry, MetricValue, Selection, window_name


def current_metrics(
    connection: Connection, selection: Selection, window_days: int, *, names: tuple[str, ...] = ()
) -> tuple[MetricValue, ...]:
    """The stream's metrics over the newest `window_days`, by name; only `names` where given.

    Empty before the first build, and for a stream that the marts do not know yet.
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
            order by metric_name, percentile
            """
        ),
        {
            "stream_type": selection.stream_type,
            "stream_id": selection.stream_id,
            "window_name": window_name(window_days),
            "names": list(names),
        },
    ).mappings()
    return tuple(_metric_value(row) for row in rows)


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
