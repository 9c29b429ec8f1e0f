"""The Monte Carlo delivery forecast of every delivery stream (004 §6.5.1).

In: `metrics.weekly_throughput`, `metrics.wip_by_stage`. Out: one row of `forecast.forecast_snapshots` per
stream and forecast date; computing a date again replaces its rows. The dates of a row are those of the exact
distribution; what the simulation found stands beside it in `distribution_data` (docs/forecasts.md says why).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy import Connection

from app.queries.throughput import read_histories
from core import clock
from core.database import get_engine
from core.forecasting import PERCENTILES, Forecast, forecast_delivery, week_end
from core.settings import Settings, get_settings
from core.tables import forecast_snapshots
from orchestration.build_lock import POOL, build_lock
from orchestration.progress import Step, report
from orchestration.timings import timed
from orchestration.upserts import store_rows

THROUGHPUT = dg.AssetKey(["metrics", "weekly_throughput"])
WORK_IN_PROGRESS = dg.AssetKey(["metrics", "wip_by_stage"])


@dg.asset(
    key=["forecast", "forecast_snapshots"], deps=[THROUGHPUT, WORK_IN_PROGRESS], kinds={"python", "numpy"}, pool=POOL
)
def delivery_forecasts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """One row per delivery stream and forecast date: when will what remains be done?"""
    with (
        build_lock(get_engine(), context.log.info),
        get_engine().begin() as connection,
        timed(connection, "forecast.forecast_snapshots") as count,
    ):
        count.rows = written = write_forecasts(connection, get_settings())
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
    store_rows(connection, forecast_snapshots, ("delivery_stream_id", "forecast_date"), rows)
    return len(rows)


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
    """The histogram for the screen: for each week its last day, the probability that the last item is done in it, and
    the probability that all is done by then, exact and simulated, until every simulation has ended. `weeks` holds the
    percentiles' weeks, which the dates of the row stand for, and `simulated_weeks` the simulation's.
    """
    simulated = forecast.simulated.tolist()
    exact = (forecast.exact.tolist() + [1.0] * len(simulated))[: len(simulated)]
    return {
        "weekly_throughput": list(forecast.samples),
        "weeks": {f"p{percentile}": week for percentile, week in forecast.weeks.items()},
        "simulated_weeks": {f"p{percentile}": week for percentile, week in forecast.simulated_weeks.items()},
        "histogram": [
            {
                "week": week,
                "week_ends_on": week_end(week, forecast_date).isoformat(),
                "share": round(done - before, 6),
                "done_by_then": round(done, 6),
                "done_by_then_simulated": round(drawn, 6),
            }
            for week, (before, done, drawn) in enumerate(zip([0.0, *exact], exact, simulated, strict=False), start=1)
        ],
    }
