"""Are we getting better?

In: a connection, a stream, a rolling window in days. Out: daily series of the metrics of the trend views.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, text

from app.queries.current import number
from app.queries.readiness import NOT_BUILT, missing_marts, why_no_deployments
from app.queries.values import SUCCESS, Selection, Series, Trends, window_name

TREND_METRICS = (
    "deployment_frequency",
    "change_failure_rate",
    "change_failure_rate_completed",
    "ttr_median",
    "ttr_mean",
    "lead_time_p50",
    "lead_time_p85",
)
# A rolling window is only readable over several of its own lengths; the marts keep 550 days.
WINDOWS_SHOWN = 6
MOST_DAYS = 550


def default_days(window_days: int) -> int:
    """How many days of a rolling window are shown where the reader does not say."""
    return min(WINDOWS_SHOWN * window_days, MOST_DAYS)


def trends(
    connection: Connection,
    selection: Selection,
    window_days: int,
    *,
    days: int | None = None,
    names: tuple[str, ...] = TREND_METRICS,
) -> Trends:
    """Series of `names` for the newest `days` days (six windows unless told), oldest day first."""
    if missing_marts(connection):
        return Trends(NOT_BUILT, window_days, None, ())
    rows = (
        connection.execute(
            text(
                """
                select metric_name, percentile, metric_unit, metric_date, metric_value, sample_size, computed_at
                from metrics.daily_stream_metrics
                where stream_type = :stream_type
                    and stream_id = :stream_id
                    and window_name = :window_name
                    and metric_name = any(cast(:names as text[]))
                    and metric_date > (select max(metric_date) from metrics.daily_stream_metrics) - :days
                order by metric_name, percentile, metric_date
                """
            ),
            {
                "stream_type": selection.stream_type,
                "stream_id": selection.stream_id,
                "window_name": window_name(window_days),
                "names": list(names),
                "days": days or default_days(window_days),
            },
        )
        .mappings()
        .all()
    )
    series = _series(rows, names)
    has_values = any(one.has_values for one in series)
    computed_at: datetime | None = max((row["computed_at"] for row in rows), default=None)
    return Trends(
        state=SUCCESS if has_values else why_no_deployments(connection, selection),
        window_days=window_days,
        computed_at=computed_at,
        series=series,
    )


def _series(rows: Sequence[RowMapping], names: tuple[str, ...]) -> tuple[Series, ...]:
    grouped: dict[tuple[str, int | None], list[RowMapping]] = defaultdict(list)
    for row in rows:
        grouped[(row["metric_name"], row["percentile"])].append(row)
    return tuple(
        Series(
            metric_name=name,
            percentile=percentile,
            unit=days[0]["metric_unit"],
            dates=tuple(row["metric_date"] for row in days),
            values=tuple(number(row["metric_value"]) for row in days),
            sample_sizes=tuple(row["sample_size"] or 0 for row in days),
        )
        for (name, percentile), days in sorted(grouped.items(), key=lambda item: names.index(item[0][0]))
    )
