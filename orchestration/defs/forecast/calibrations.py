"""How often each delivery stream's forecasts came true, and whether its pace is steady enough to forecast from.

In: `metrics.weekly_throughput` (and `metrics.wip_by_stage` for the day that the marts describe). Out: one row of
`forecast.forecast_calibrations` per stream, forecast date and percentile; computing a date again replaces its rows.
"""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy import Connection, delete

from app.queries.throughput import StreamHistory, read_histories
from core import clock
from core.database import get_engine
from core.forecasting.calibration import SCOPE_WEEKS, back_test
from core.forecasting.stability import stability
from core.settings import Settings, get_settings
from core.tables import forecast_calibrations
from orchestration.build_lock import POOL, build_lock
from orchestration.defs.forecast.snapshots import THROUGHPUT, WORK_IN_PROGRESS
from orchestration.progress import Step, report
from orchestration.timings import timed
from orchestration.upserts import store_rows

# A back-test holds everything that the one of the day before held: a year of them shows how it changed.
KEPT_DAYS = 366


@dg.asset(
    key=["forecast", "forecast_calibrations"],
    deps=[THROUGHPUT, WORK_IN_PROGRESS],
    kinds={"python", "numpy"},
    pool=POOL,
)
def calibrations(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """One row per delivery stream, forecast date and percentile: how many past forecasts came true?"""
    with (
        build_lock(get_engine(), context.log.info),
        get_engine().begin() as connection,
        timed(connection, "forecast.forecast_calibrations") as count,
    ):
        count.rows = written = write_calibrations(connection, get_settings())
    report(Step(1, 1, "forecast.forecast_calibrations"))
    return dg.MaterializeResult(metadata={"dagster/row_count": written})


def write_calibrations(connection: Connection, settings: Settings) -> int:
    """Back-test every active delivery stream and store the result; returns the number of rows."""
    as_of, histories = read_histories(connection)
    forecast_date = (as_of or clock.now()).astimezone(ZoneInfo(settings.timezone)).date()
    rows = [row for history in histories for row in calibration_rows(history, forecast_date)]
    store_rows(connection, forecast_calibrations, ("delivery_stream_id", "forecast_date", "percentile"), rows)
    oldest = forecast_date - timedelta(days=KEPT_DAYS)
    connection.execute(delete(forecast_calibrations).where(forecast_calibrations.c.forecast_date < oldest))
    return len(rows)


def calibration_rows(history: StreamHistory, forecast_date: date) -> list[dict[str, Any]]:
    """The table rows of one stream."""
    steadiness = stability(history.weekly_throughput)
    return [
        {
            "delivery_stream_id": history.stream_id,
            "forecast_date": forecast_date,
            "percentile": found.percentile,
            "scope_weeks": SCOPE_WEEKS,
            "forecast_count": found.forecast_count,
            "hit_count": found.hit_count,
            "hit_rate_pct": found.hit_rate_pct,
            "expected_rate_pct": found.expected_pct,
            "is_stable": steadiness.is_stable,
            "note": " ".join(note for note in (found.note, steadiness.note) if note) or None,
            "computed_at": clock.now(),
        }
        for found in back_test(history.weekly_throughput)
    ]
