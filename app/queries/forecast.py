"""When will it be done?

In: a connection and a stream. Out: the newest forecast of that delivery stream, or of each one for all streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from app.queries.values import (
    SUCCESS,
    Forecast,
    Forecasts,
    ForecastWeek,
    HitRate,
    Selection,
    State,
    TrackRecord,
)


def latest_forecasts(connection: Connection, selection: Selection) -> Forecasts:
    """The newest forecast of each delivery stream in question, in the order of their display names.

    Forecasts are made for delivery streams alone: a technology stream has no scope of its own to deliver.
    """
    if selection.stream_type == "tech":
        return Forecasts(
            State(
                "no_data",
                f"Forecasts are made for delivery streams; {selection.display_name} is a technology stream.",
                "Choose a delivery stream, or all of them.",
            ),
            (),
        )
    rows = connection.execute(
        text(
            """
            select distinct on (streams.display_name, snapshots.delivery_stream_id)
                snapshots.*,
                streams.display_name as stream_name
            from forecast.forecast_snapshots as snapshots
            inner join config.delivery_streams as streams
                on snapshots.delivery_stream_id = streams.stream_id
            where (:is_all and streams.is_active) or snapshots.delivery_stream_id = :stream_id
            order by streams.display_name, snapshots.delivery_stream_id, snapshots.forecast_date desc
            """
        ),
        {"is_all": selection.stream_type == "all", "stream_id": selection.stream_id},
    ).mappings()
    records = track_records(connection)
    forecasts = tuple(_forecast(row, records) for row in rows)
    if forecasts:
        return Forecasts(SUCCESS, forecasts)
    return Forecasts(
        State(
            "no_data",
            "No forecast has been computed yet.",
            "Materialise the forecast asset in Dagster, or run `dpp forecast`; it needs completed work items.",
        ),
        (),
    )


def track_records(connection: Connection) -> dict[UUID, TrackRecord]:
    """How the past forecasts of each delivery stream did, by the newest back-test."""
    rows = connection.execute(
        text(
            """
            select *
            from forecast.forecast_calibrations as calibrations
            where
                forecast_date = (
                    select max(newer.forecast_date)
                    from forecast.forecast_calibrations as newer
                    where newer.delivery_stream_id = calibrations.delivery_stream_id
                )
            order by delivery_stream_id, percentile
            """
        )
    ).mappings()
    by_stream: dict[UUID, list[RowMapping]] = {}
    for row in rows:
        by_stream.setdefault(row["delivery_stream_id"], []).append(row)
    return {stream_id: _track_record(found) for stream_id, found in by_stream.items()}


def _track_record(rows: list[RowMapping]) -> TrackRecord:
    planned = next((row for row in rows if row["percentile"] == 85), rows[0])
    rates = tuple(
        HitRate(
            row["percentile"],
            row["forecast_count"],
            row["hit_count"],
            _number(row["hit_rate_pct"]),
            _number(row["expected_rate_pct"]),
        )
        for row in rows
    )
    return TrackRecord(planned["scope_weeks"], rates, planned["is_stable"], planned["note"])


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _forecast(row: RowMapping, records: Mapping[UUID, TrackRecord]) -> Forecast:
    return Forecast(
        delivery_stream_id=row["delivery_stream_id"],
        stream_name=row["stream_name"],
        forecast_date=row["forecast_date"],
        scope_item_count=row["scope_item_count"],
        throughput_weeks=row["throughput_samples"],
        simulation_runs=row["simulation_runs"],
        method=row["method"],
        note=row["note"],
        p50=row["p50_completion_date"],
        p70=row["p70_completion_date"],
        p85=row["p85_completion_date"],
        p95=row["p95_completion_date"],
        histogram=_histogram(row["distribution_data"]),
        computed_at=row["computed_at"],
        simulated=_simulated(row["distribution_data"], row["forecast_date"]),
        track_record=records.get(row["delivery_stream_id"]),
    )


def _simulated(data: Any, forecast_date: date) -> tuple[tuple[int, date], ...]:
    """The simulation's dates by percentile, from `distribution_data.simulated_weeks`; none for a straight line."""
    weeks = data.get("simulated_weeks", {})
    return tuple((int(name.removeprefix("p")), forecast_date + timedelta(weeks=week)) for name, week in weeks.items())


def _histogram(data: Any) -> tuple[ForecastWeek, ...]:
    """The bars of `distribution_data.histogram`, as the forecast asset writes them; none for a straight line."""
    return tuple(
        ForecastWeek(date.fromisoformat(bar["week_ends_on"]), float(bar["share"]), float(bar["done_by_then"]))
        for bar in data.get("histogram", [])
    )
