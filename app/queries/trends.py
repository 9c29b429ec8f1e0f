"""Are we getting better?

In: a connection, a stream, a window. Out: daily series of the metrics of the trend views.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, text

from app.queries.current import number
from app.queries.readiness import NOT_BUILT, data_as_of, missing_marts, why_no_deployments
from app.queries.values import SUCCESS, Selection, Series, Trends, Window, window_name

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


# Of sprints and of states, as many days as of a rolling window of 30.
USUAL_LENGTH = 30


def default_days(window: Window) -> int:
    """How many days of a window are shown where the reader does not say."""
    return min(WINDOWS_SHOWN * _length(window), MOST_DAYS)


def _length(window: Window) -> int:
    return USUAL_LENGTH if isinstance(window, str) else window


def trends(
    connection: Connection,
    selection: Selection,
    window: Window,
    *,
    days: int | None = None,
    names: tuple[str, ...] = TREND_METRICS,
) -> Trends:
    """Series of `names`, one for each segment, for the newest `days` days (six windows unless told), oldest first."""
    if missing_marts(connection):
        return Trends(NOT_BUILT, _length(window), None, ())
    rows = (
        connection.execute(
            text(
                """
                select metric_name, segment, percentile, metric_unit, metric_date, metric_value, sample_size
                from metrics.daily_stream_metrics
                where stream_type = :stream_type
                    and stream_id = :stream_id
                    and window_name = :window_name
                    and metric_name = any(cast(:names as text[]))
                    and metric_date > (select max(metric_date) from metrics.daily_stream_metrics) - :days
                order by metric_name, segment, percentile, metric_date
                """
            ),
            {
                "stream_type": selection.stream_type,
                "stream_id": selection.stream_id,
                "window_name": window_name(window),
                "names": list(names),
                "days": days or default_days(window),
            },
        )
        .mappings()
        .all()
    )
    series = _series(rows, names)
    has_values = any(one.has_values for one in series)
    return Trends(
        state=SUCCESS if has_values else why_no_deployments(connection, selection),
        window_days=_length(window),
        computed_at=data_as_of(connection) if rows else None,
        series=series,
    )


def _series(rows: Sequence[RowMapping], names: tuple[str, ...]) -> tuple[Series, ...]:
    grouped: dict[tuple[str, str | None, int | None], list[RowMapping]] = defaultdict(list)
    for row in rows:
        grouped[(row["metric_name"], row["segment"], row["percentile"])].append(row)
    return tuple(
        Series(
            metric_name=name,
            percentile=percentile,
            unit=days[0]["metric_unit"],
            dates=tuple(row["metric_date"] for row in days),
            values=tuple(number(row["metric_value"]) for row in days),
            sample_sizes=tuple(row["sample_size"] or 0 for row in days),
            segment=segment,
        )
        for (name, segment, percentile), days in sorted(grouped.items(), key=lambda item: names.index(item[0][0]))
    )
