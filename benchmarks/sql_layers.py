"""What the layers of dbt cost beside plain SQL: a full build, ten times the data, and 1,000 new events.

In: this working tree. Out: for each size of a made-up company (`benchmarks.staged_rows`) the seconds of a full build of
events, cycles and metrics from staged rows, of the bare SQL for the same meaning on the same server in the same run
(`benchmarks.bare_sql`), and of a build after 1,000 new events. The server is an embedded one of its own in a temporary
folder; nothing stays. Targets: a full build in at most 3 times the bare SQL, ten times the data in at most ten times
the time, 1,000 events into a million in at most twice the time that they take into ten thousand, and no row written
again where the same events are told once more.

    python -m benchmarks.sql_layers [--json] [--size 10k|100k|1m]

dbt runs as `dpp build` and Dagster run it, as a process of its own; its start, some seconds, is part of every figure.
`growth_of_models` is the growth without it: of the seconds that the models took, added up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, text

from benchmarks import bare_sql, staged_rows
from core.database import database_url, embedded_server, make_engine, prepare_database
from core.settings import Settings, load_settings
from ingestion.pipelines import prepare_raw_tables
from orchestration import dbt
from orchestration.environment import child_environment

# How many work-item transitions; every size is measured with the smaller ones beside it.
SIZES = {"10k": (1_000, 10_000), "100k": (10_000, 100_000), "1m": (10_000, 100_000, 1_000_000)}
LIMITS = {"ratio_to_bare_sql": 3.0, "growth_10k_to_1m": 2.0, "ten_times_data": 10.0}
LAYERS = ("events", "cycles", "metrics")
BUILD = ("build", "--exclude-resource-type", "test", "unit_test")
DBT_LIMIT_SECONDS = 1_800


@dataclass(frozen=True)
class Measured:
    """Seconds for one size: dbt's full build and the bare SQL by part, then dbt's builds of 1,000 new events."""

    transitions: int
    fill_s: float
    bare_s: dict[str, float]
    full_s: float
    full_models_s: dict[str, float]
    increment_s: float
    increment_models_s: dict[str, float]
    repeated_s: float
    rows_written_by_increment: int
    rows_rewritten: int

    @property
    def ratio(self) -> float:
        """The full build's time by the bare SQL's."""
        return self.full_s / sum(self.bare_s.values())


def main() -> None:
    """Measure, show a table or one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line last")
    parser.add_argument("--size", choices=tuple(SIZES), default="1m")
    parser.add_argument("--models", action="store_true", help="show the seconds of each model as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dpp-benchmark-") as folder:
        measured = measure(Path(folder), SIZES[options.size])
    if options.models:
        _show_models(measured[-1])
    if options.json:
        sys.stdout.write(json.dumps(results(measured)) + "\n")
        return
    _show(measured)


def measure(folder: Path, sizes: tuple[int, ...]) -> list[Measured]:
    """Measure each size in a database of its own, on a server that is stopped at the end."""
    home = load_settings(home=folder / "home", database_url=None)
    server = embedded_server(home)
    assert server is not None
    prepare_database(home)
    try:
        return [_measure_one(home, transitions) for transitions in sizes]
    finally:
        server.stop()


def results(measured: list[Measured]) -> dict[str, float | int | dict[str, float]]:
    """The figures of the run's largest size, and how they grew from the smallest."""
    smallest, largest = measured[0], measured[-1]
    before = measured[-2]
    tenfold = largest.full_s / before.full_s / (largest.transitions / before.transitions / 10)
    return {
        "transitions": largest.transitions,
        "ratio_to_bare_sql": round(largest.ratio, 2),
        "growth_10k_to_1m": round(largest.increment_s / smallest.increment_s, 2),
        "growth_of_models": round(
            sum(largest.increment_models_s.values()) / sum(smallest.increment_models_s.values()), 2
        ),
        "ten_times_data": round(tenfold, 2),
        "rows_rewritten": largest.rows_rewritten,
        "rows_written_by_increment": largest.rows_written_by_increment,
        "full_build_s": round(largest.full_s, 1),
        "bare_sql_s": round(sum(largest.bare_s.values()), 2),
        "increment_s": round(largest.increment_s, 2),
        "increment_into_smallest_s": round(smallest.increment_s, 2),
        "bare_sql_parts_s": {name: round(seconds, 2) for name, seconds in largest.bare_s.items()},
    }


def _measure_one(home: Settings, transitions: int) -> Measured:
    settings = _fresh_database(home, f"transitions_{transitions}")
    engine = make_engine(database_url(settings))
    try:
        # Every table once, empty: staging is built, the other layers are built from it below.
        run_dbt(settings, [*BUILD], staged_rows.AS_OF)
        started = time.monotonic()
        staged_rows.fill(engine, transitions)
        filled = time.monotonic() - started
        bare = bare_sql.measure(engine)
        full, full_models = run_dbt(settings, [*BUILD, "--full-refresh", "--select", *LAYERS], staged_rows.AS_OF)
        # As a server that has been running has them.
        _vacuum(engine)
        told = staged_rows.fill_later(engine, transitions)
        assert told > 0, "nothing new was told"
        written = _rows_written(engine)
        increment, increment_models = run_dbt(settings, [*BUILD, "--select", *LAYERS], staged_rows.LATER)
        written_after = _rows_written(engine)
        staged_rows.tell_again(engine)
        repeated, _ = run_dbt(settings, [*BUILD, "--select", *LAYERS], staged_rows.LATER)
        written_again = _rows_written(engine)
    finally:
        engine.dispose()
    _drop_database(home, settings)
    return Measured(
        transitions, filled, bare, full, full_models, increment, increment_models, repeated,
        _difference(written, written_after), _difference(written_after, written_again),
    )  # fmt: skip


def run_dbt(settings: Settings, arguments: list[str], as_of: datetime) -> tuple[float, dict[str, float]]:
    """Run dbt; returns its seconds from start to end, and those of each model. Raises where dbt fails."""
    command = [dbt.executable(), "--quiet", *arguments, "--vars", json.dumps(dbt.variables(settings))]
    started = time.monotonic()
    subprocess.run(
        command,
        cwd=dbt.PROJECT_FOLDER,
        env=child_environment(dbt.environment(settings, as_of)),
        check=True,
        stdout=sys.stderr,
        timeout=DBT_LIMIT_SECONDS,
    )
    seconds = time.monotonic() - started
    told = json.loads((dbt.target_folder(settings) / "run_results.json").read_text(encoding="utf-8"))
    return seconds, {
        result["unique_id"].rsplit(".", 1)[-1]: result["execution_time"]
        for result in told["results"]
        if result["unique_id"].startswith("model.")
    }


def _fresh_database(home: Settings, name: str) -> Settings:
    administration = make_engine(database_url(home, database="postgres"), pool_size=1)
    with administration.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"create database {name}"))
    administration.dispose()
    url = database_url(home, database=name).render_as_string(hide_password=False)
    settings = load_settings(home=home.home, database_url=url)
    prepare_database(settings)
    prepare_raw_tables(settings)
    return settings


def _drop_database(home: Settings, settings: Settings) -> None:
    administration = make_engine(database_url(home, database="postgres"), pool_size=1)
    with administration.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"drop database {database_url(settings).database} with (force)"))
    administration.dispose()


def _vacuum(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))


def _rows_written(engine: Engine) -> dict[int, int]:
    """Rows inserted, updated and deleted so far, by table; a table that is made anew is another one."""
    with engine.connect() as connection:
        connection.execute(text("select pg_stat_clear_snapshot()"))
        rows = connection.execute(
            text(
                "select relid, n_tup_ins + n_tup_upd + n_tup_del as written from pg_stat_user_tables "
                "where schemaname = any(:layers)"
            ),
            {"layers": list(LAYERS)},
        )
        return {row.relid: row.written for row in rows}


def _difference(before: dict[int, int], after: dict[int, int]) -> int:
    return sum(after[table] - written for table, written in before.items() if table in after)


def _show(measured: list[Measured]) -> None:
    sys.stdout.write(
        f"{'transitions':>12}{'bare SQL':>12}{'full build':>12}{'ratio':>8}"
        f"{'1,000 events':>14}{'again':>8}{'rewritten':>11}\n"
    )
    for one in measured:
        sys.stdout.write(
            f"{one.transitions:>12,}{sum(one.bare_s.values()):>10.2f} s{one.full_s:>10.1f} s{one.ratio:>8.1f}"
            f"{one.increment_s:>12.1f} s{one.repeated_s:>6.1f} s{one.rows_rewritten:>11,}\n"
        )
    told = results(measured)
    for name, limit in LIMITS.items():
        sys.stdout.write(f"{name:<24}{told[name]:>8}   limit {limit:g}\n")


def _show_models(one: Measured) -> None:
    for name, seconds in sorted(one.full_models_s.items(), key=lambda item: -item[1]):
        increment = one.increment_models_s.get(name, 0)
        sys.stderr.write(f"{name:<32}{seconds:>9.2f} s full{increment:>9.2f} s increment\n")


if __name__ == "__main__":
    main()
