"""Which calculations take longer than they should?

In: a connection. Out: the newest timing of each calculation beside its usual one, the slowest verdicts first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class CalculationTiming:
    """One calculation: its newest run, and the median and the number of its runs in the 30 days up to that."""

    calculation: str
    started_at: datetime
    seconds: float
    rows_written: int | None
    status: Literal["pass", "warning", "fail"]
    usual_seconds: float
    runs: int


def calculation_timings(connection: Connection) -> tuple[CalculationTiming, ...]:
    """The newest timing of every calculation: failed ones first, then those near their target, by name."""
    rows = connection.execute(text(_TIMINGS)).mappings()
    return tuple(
        CalculationTiming(
            calculation=row["calculation"],
            started_at=row["started_at"],
            seconds=float(row["duration_seconds"]),
            rows_written=row["rows_written"],
            status=row["status"],
            usual_seconds=float(row["usual_seconds"]),
            runs=row["runs"],
        )
        for row in rows
    )


_TIMINGS = """
with

newest as (
    select distinct on (calculation) *
    from ops.calculation_timings
    order by calculation, started_at desc, timing_id desc
),

final as (
    select
        newest.*,
        usual.seconds as usual_seconds,
        usual.runs
    from newest
    cross join lateral (
        select
            percentile_cont(0.5) within group (order by past.duration_seconds) as seconds,
            count(*) as runs
        from ops.calculation_timings as past
        where
            past.calculation = newest.calculation
            and past.started_at > newest.started_at - interval '30 days'
    ) as usual
)

select * from final
order by array_position(array['fail', 'warning', 'pass'], status), calculation
"""
