"""What each calculation cost, kept in `ops.calculation_timings` and judged (001 §5 and §6).

In: what was computed, when it began, how long it took and how many rows it wrote. Out: rows with a status: `pass`
within the target for that size, `warning` up to a fifth above it, `fail` beyond.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from core import clock
from core.tables import calculation_timings, thresholds

Status = Literal["pass", "warning", "fail"]

SMALL_ROWS, MEDIUM_ROWS = 1_000, 5_000
# Names in `config.thresholds` under which an administrator may set other targets.
SMALL, MEDIUM, LARGE = "calculation_seconds_small", "calculation_seconds_medium", "calculation_seconds_per_1000_large"
# 2 s to a thousand rows and 5 s to five thousand, as the specification says; it names none beyond, so the pace holds.
TARGETS = {SMALL: 2.0, MEDIUM: 5.0, LARGE: 1.0}
WARNING_FACTOR = 1.2
KEPT_DAYS = 90


@dataclass(frozen=True)
class Timing:
    """One calculation: the table it made, when it began (UTC), its seconds, the rows it wrote (None: not known)."""

    calculation: str
    started_at: datetime
    seconds: float
    rows: int | None


def judge(seconds: float, rows: int | None, targets: Mapping[str, float] = TARGETS) -> Status:
    """The status of a calculation of this size; one of unknown size is held to the target of a small one."""
    size = rows or 0
    if size <= SMALL_ROWS:
        target = targets[SMALL]
    elif size <= MEDIUM_ROWS:
        target = targets[MEDIUM]
    else:
        target = max(targets[MEDIUM], targets[LARGE] * size / 1_000)
    if seconds <= target:
        return "pass"
    return "warning" if seconds <= target * WARNING_FACTOR else "fail"


def store(connection: Connection, timings: Sequence[Timing]) -> None:
    """Append the timings with their status, and drop those over three months older than the newest of them."""
    if not timings:
        return
    chosen = connection.execute(select(thresholds).where(thresholds.c.name.in_(TARGETS))).mappings()
    targets = TARGETS | {str(row["name"]): float(row["value"]) for row in chosen}
    connection.execute(
        insert(calculation_timings),
        [
            {
                "calculation": one.calculation,
                "started_at": one.started_at,
                "duration_seconds": round(one.seconds, 6),
                "rows_written": one.rows,
                "status": judge(one.seconds, one.rows, targets),
            }
            for one in timings
        ],
    )
    oldest = max(one.started_at for one in timings) - timedelta(days=KEPT_DAYS)
    connection.execute(delete(calculation_timings).where(calculation_timings.c.started_at < oldest))


class Count:
    """The rows that a calculation says it wrote."""

    rows: int | None = None


@contextmanager
def timed(connection: Connection, calculation: str) -> Iterator[Count]:
    """Time the block and store it, in the block's own transaction: what failed is undone and has no timing."""
    began, ticks, count = clock.now(), time.perf_counter(), Count()
    yield count
    store(connection, [Timing(calculation, began, time.perf_counter() - ticks, count.rows)])


def of_dbt(run_results: Path) -> list[Timing]:
    """The models and seeds of a finished dbt run, from its `run_results.json`; none where there is no such file."""
    if not run_results.exists():
        return []
    results = json.loads(run_results.read_text(encoding="utf-8"))["results"]
    found = (_of_result(result) for result in results if result["status"] == "success")
    return [timing for timing in found if timing is not None]


def _of_result(result: Mapping[str, Any]) -> Timing | None:
    executed = next((step for step in result["timing"] if step["name"] == "execute"), None)
    # A test has no relation, a model that was not built no execution.
    if not result.get("relation_name") or executed is None or not executed.get("started_at"):
        return None
    _, schema, table = result["relation_name"].replace('"', "").split(".")
    # dbt writes UTC with a Z, or without an offset.
    began = datetime.fromisoformat(executed["started_at"])
    began = began if began.tzinfo else began.replace(tzinfo=UTC)
    rows = result["adapter_response"].get("rows_affected")
    known = rows if rows is not None and rows >= 0 else None
    return Timing(f"{schema}.{table}", began, float(result["execution_time"]), known)
