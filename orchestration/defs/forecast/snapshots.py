"""The Monte Carlo delivery forecast of every delivery stream (004 §6.5.1).

In: `metrics.weekly_throughput`, `metrics.wip_by_stage`. Out: one row of `forecast.forecast_snapshots` per
stream and forecast date; computing a date again replaces its rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from core import clock
from core.database import get_engine
from core.forecasting import HORIZON_WEEKS, PERCENTILES, Forecast, forecast_delivery, week_end
from core.settings import Settings, get_settings
from core.tables import forecast_snapshots
from orchestration.build_lock import POOL, build_lock
from orchestration.progress import Step, report

THROUGHPUT = dg.AssetKey(["metrics", "weekly_throughput"])
WORK_IN_PROGRESS = dg.AssetKey(["metrics", "wip_by_stage"])


@dataclass(frozen=True)
class StreamHistory:
    """What one stream's forecast is made from: weekly completions, oldest first, and the items that remain."""

    stream_id: UUID
    weekly_throughput: tuple[int, ...]
    scope: int


@dg.asset(
    key=["forecast", "forecast_snapshots"], deps=[THROUGHPUT, WORK_IN_PROGRESS], kinds={"python", "numpy"}, pool=POOL
)
def delivery_forecasts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """One row per delivery stream and forecast date: when will what remains be done?"""
    with build_lock(get_engine(), context.log.info), get_engine().begin() as connection:
        written = write_forecasts(connection, get_settings())
    report(Step(1, 1, "forecast.forecast_snapshots"))
    return dg.MaterializeResult(metadata={"dagster/row_count": written})


def write_forecasts(connection: Connection, settings: Settings) -> int:
    """Compute and store the forecasts for the day that the marts describe; returns the number of rows."""
    as_of, histories = read_histories(connection)
    forecast_date = (as_of or clock.now()).astimezone(ZoneInfo(settings.timezone)).date()
    rows = []
    for history in histories:
        # The stream and the day are the seed: a forecast computed twice is the same forecast.
        seed = (forecast_date.toordinal(), history.stream_id.int)
        forecast = forecast_delivery(
            history.weekly_throughput, history.scope, runs=settings.forecast_simulations, seed=seed
        )
        rows.append(snapshot_row(history.stream_id, forecast, forecast_date))
    if rows:
        statement = insert(forecast_snapshots)
        kept = {"delivery_stream_id", "forecast_date"}
        replaced = {name: statement.excluded[name] for name in rows[0] if name not in kept}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["delivery_stream_id", "forecast_date"], set_=replaced), rows
        )
    return len(rows)


def read_histories(connection: Connection) -> tuple[datetime | None, list[StreamHistory]]:
    """The instant that the marts describe (None: they are empty), and the history of every active delivery stream."""
    rows = connection.execute(text(_HISTORIES)).mappings().all()
    histories = [StreamHistory(row["stream_id"], tuple(row["weekly_throughput"]), int(row["scope"])) for row in rows]
    return (rows[0]["as_of"] if rows else None), histories


# The scope of 004 §6.5.1: everything from the backlog to acceptance, code review between development and QA included.
_HISTORIES = """
with

streams as (
    select stream_id
    from config.delivery_streams
    where is_active
),

throughput as (
    select
        stream_id,
        array_agg(completed_count order by week_start) as weekly_throughput
    from metrics.weekly_throughput
    where stream_type = 'delivery'
    group by stream_id
),

remaining as (
    select
        stream_id,
        sum(item_count) as scope,
        max(as_of) as as_of
    from metrics.wip_by_stage
    where stream_type = 'delivery'
    group by stream_id
),

final as (
    select
        streams.stream_id,
        coalesce(throughput.weekly_throughput, '{}') as weekly_throughput,
        coalesce(remaining.scope, 0) as scope,
        max(remaining.as_of) over () as as_of
    from streams
    left join throughput on throughput.stream_id = streams.stream_id
    left join remaining on remaining.stream_id = streams.stream_id
)

select * from final
"""


def snapshot_row(stream_id: UUID, forecast: Forecast, forecast_date: date) -> dict[str, Any]:
    """The table row of one forecast."""
    return {
        "delivery_stream_id": stream_id,
        "forecast_date": forecast_date,
        "scope_item_count": forecast.scope,
        "throughput_samples": len(forecast.samples),
        "simulation_runs": forecast.simulation_runs,
        "method": forecast.method,
        "note": forecast.note,
        **{
            f"p{percentile}_completion_date": forecast.completion_date(percentile, forecast_date)
            for percentile in PERCENTILES
        },
        "distribution_data": distribution(forecast, forecast_date),
        "computed_at": clock.now(),
    }


def distribution(forecast: Forecast, forecast_date: date) -> Mapping[str, Any]:
    """The histogram for the screen: for each week its last day, the share of simulations that end in it, and
    the probability that all is done by then, simulated and exact. `weeks` holds the percentiles' weeks.
    """
    length = min(len(forecast.simulated), HORIZON_WEEKS)
    return {
        "weekly_throughput": list(forecast.samples),
        "weeks": {f"p{percentile}": week for percentile, week in forecast.weeks.items()},
        "exact_weeks": {f"p{percentile}": week for percentile, week in forecast.exact_weeks.items()},
        "histogram": [
            {
                "week": index + 1,
                "week_ends_on": week_end(index + 1, forecast_date).isoformat(),
                "share": round(float(forecast.simulated[index]) - _before(forecast.simulated, index), 6),
                "done_by_then": round(float(forecast.simulated[index]), 6),
                "done_by_then_exact": round(float(forecast.exact[index]) if index < len(forecast.exact) else 1.0, 6),
            }
            for index in range(length)
        ],
    }


def _before(distribution: Sequence[float] | Any, index: int) -> float:
    return float(distribution[index - 1]) if index else 0.0
