"""What the forecasts cost, against the best plain numpy loop by week, and how often a simulation names another week.

In: nothing; for the streams an embedded PostgreSQL of the benchmark's own, with two marts of its own making. Out: the
ratio of our simulation to a loop that draws one week of all unfinished runs at a time (10,000 simulations at scope
100 and 500, by turns, the worse of the two), milliseconds of the exact distribution at scope 500, seconds for the
forecasts of 100 streams read from and written to the database, seconds for the back-test of ten years of weeks (of
the CSV file of weekly counts that is named, else of weeks made up).

    python -m benchmarks.forecast [--json] [--size STREAMS] [--weeks FILE]
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from core.database import database_url, embedded_server, make_engine, prepare_database
from core.forecasting import exact_distribution, percentile_weeks, simulate
from core.forecasting.calibration import back_test
from core.settings import Settings, load_settings
from orchestration.defs.forecast.calibrations import write_calibrations
from orchestration.defs.forecast.snapshots import write_forecasts

HISTORY = (3, 7, 0, 9, 12, 5, 8, 8, 6, 11, 4, 10)
SCOPES = (100, 500)
RUNS = 10_000
ROUNDS = 60
STREAMS = 100
TEN_YEARS = 520
STREAM_WEEKS = 104
CASES = 400
LIMITS = {"ratio_to_numpy_by_week": 1.2, "exact_ms": 0.5, "streams_100_s": 1.0, "backtest_s": 10.0}
MARTS = """
create schema if not exists metrics;
create table metrics.weekly_throughput (
    stream_type text, stream_id uuid, week_start date, completed_count integer
);
create table metrics.wip_by_stage (
    stream_type text, stream_id uuid, pipeline_stage text, item_count bigint, as_of timestamptz
);
"""
AS_OF = datetime(2026, 3, 4, 12, tzinfo=UTC)


def main() -> None:
    """Measure, show a table or one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line last")
    parser.add_argument("--size", type=int, default=STREAMS, help="streams; the limit is for 100")
    parser.add_argument("--weeks", type=Path, help="CSV of weekly counts, oldest first, in its last column")
    options = parser.parse_args()
    results = {**measure_mathematics(), **measure_back_test(options.weeks), **measure_streams(options.size)}
    if options.json:
        sys.stdout.write(json.dumps(results) + "\n")
        return
    for name, value in results.items():
        limit = f"   limit {LIMITS[name]}" if name in LIMITS else ""
        sys.stdout.write(f"{name:<28}{value:>12,.3f}{limit}\n")


def measure_mathematics() -> dict[str, float]:
    """The simulation against the plain loop, the exact distribution, and the weeks on which the two disagree."""
    results: dict[str, float] = {}
    ratios = []
    for scope in SCOPES:
        ours, plain = by_turns(partial(simulate, HISTORY, scope, runs=RUNS, seed=1), partial(by_week, scope, 1))
        exact, _ = by_turns(partial(exact_distribution, HISTORY, scope))
        ratios.append(ours / plain)
        results |= {f"simulated_{scope}_ms": ours, f"numpy_by_week_{scope}_ms": plain, f"exact_{scope}_ms": exact}
    return {
        "ratio_to_numpy_by_week": round(max(ratios), 3),
        "exact_ms": round(results["exact_500_ms"], 3),
        "another_week_pct": round(disagreements(), 1),
        **{name: round(value, 3) for name, value in results.items()},
    }


def by_turns(*works: Callable[[], object]) -> tuple[float, float]:
    """Median milliseconds of one or two pieces of work, done by turns so that a busy moment hits both."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, times in zip(works, spent, strict=True):
            begun = time.perf_counter()
            work()
            times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent[0]), statistics.median(spent[-1])


def by_week(scope: int, seed: int) -> list[int]:
    """The plain loop at its best: small integers, `take`, and runs that are done leave."""
    generator = np.random.default_rng(seed)
    history = np.asarray(HISTORY, dtype=np.int32)
    missing = np.full(RUNS, scope, dtype=np.int32)
    left = []
    while missing.size:
        missing -= history.take(generator.integers(0, history.size, missing.size, dtype=np.uint8))
        missing = missing[missing > 0]
        left.append(missing.size)
    return left


def disagreements() -> float:
    """Percent of made-up cases in which 10,000 simulations name at least one of the four weeks differently."""
    generator = np.random.default_rng(2)
    different = 0
    for case in range(CASES):
        samples = generator.negative_binomial(3, 0.3, size=12).tolist()
        scope = int(generator.integers(20, 400))
        if not any(samples):
            continue
        simulated = percentile_weeks(simulate(samples, scope, runs=RUNS, seed=case))
        different += simulated != percentile_weeks(exact_distribution(samples, scope))
    return 100 * different / CASES


def measure_back_test(file: Path | None) -> dict[str, float]:
    """Seconds for the back-test of one stream, and how many of its p85 dates held."""
    weeks = weeks_of(file) if file else made_up_weeks(TEN_YEARS, 1).tolist()
    begun = time.perf_counter()
    planned = back_test(weeks)[2]
    spent = time.perf_counter() - begun
    return {"backtest_s": round(spent, 3), "backtest_weeks": len(weeks), "p85_held_pct": planned.hit_rate_pct or 0.0}


def weeks_of(file: Path) -> list[int]:
    """The last column of a CSV file; lines that do not end in a number (a heading) are left out."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [int(row[-1]) for row in csv.reader(lines) if row and row[-1].isdigit()]


def made_up_weeks(count: int, seed: int) -> NDArray[np.int64]:
    """Weekly completions with busy and idle weeks, some of them zero."""
    return np.random.default_rng(seed).negative_binomial(3, 0.3, size=count)


def measure_streams(streams: int) -> dict[str, float]:
    """Seconds for all streams' forecasts, from reading the marts to the commit, and for their back-tests."""
    with tempfile.TemporaryDirectory(prefix="dpp-benchmark-") as folder, database(Path(folder)) as (engine, settings):
        with engine.begin() as connection:
            fill(connection, streams)
        forecasts = committed(engine, lambda connection: write_forecasts(connection, settings))
        back_tests = committed(engine, lambda connection: write_calibrations(connection, settings))
    return {"streams_100_s": round(forecasts, 3), "streams_backtest_s": round(back_tests, 3), "streams": streams}


def committed(engine: Engine, work: Callable[[Connection], int]) -> float:
    """Median seconds of a transaction, of five after one that warms up."""
    spent = []
    for _ in range(6):
        begun = time.perf_counter()
        with engine.begin() as connection:
            work(connection)
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent[1:])


@contextmanager
def database(folder: Path) -> Iterator[tuple[Engine, Settings]]:
    """An embedded server of the benchmark's own, migrated."""
    settings = load_settings(home=folder / "home", database_url=None)
    server = embedded_server(settings)
    assert server is not None
    prepare_database(settings)
    engine = make_engine(database_url(settings))
    try:
        yield engine, settings
    finally:
        engine.dispose()
        server.stop()


def fill(connection: Connection, streams: int) -> None:
    """Streams with two years of weeks and a backlog, in the two marts that forecasts read."""
    connection.execute(text(MARTS))
    statement = "insert into config.delivery_streams (name, display_name) values (:name, :name)"
    connection.execute(text(statement), [{"name": f"stream-{number}"} for number in range(streams)])
    ids: Sequence[object] = connection.execute(text("select stream_id from config.delivery_streams")).scalars().all()
    weeks = [
        {"id": stream_id, "week": date(2026, 2, 23) - timedelta(weeks=age), "count": int(count)}
        for number, stream_id in enumerate(ids)
        for age, count in enumerate(made_up_weeks(STREAM_WEEKS, number))
    ]
    connection.execute(text("insert into metrics.weekly_throughput values ('delivery', :id, :week, :count)"), weeks)
    remaining = [{"id": stream_id, "count": 20 + 5 * number, "as_of": AS_OF} for number, stream_id in enumerate(ids)]
    connection.execute(
        text("insert into metrics.wip_by_stage values ('delivery', :id, 'backlog', :count, :as_of)"), remaining
    )


if __name__ == "__main__":
    main()
