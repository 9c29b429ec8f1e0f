"""How likely each active sprint is to finish what it holds (004 §6.2.2).

In: `events.sprint_snapshots`, `staging.stg_jira__sprints`, `staging.business_calendar`, `cycles.work_item_cycles`.
Out: one row of `forecast.sprint_confidence` per active sprint and instant that the marts describe; computing an
instant again replaces its rows. Nothing else is looked at, so the same marts give the same rows.
"""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy import Connection, RowMapping, text

from core.database import get_engine
from core.forecasting.sprint import SprintConfidence, sprint_confidence
from core.settings import Settings, get_settings
from core.tables import sprint_confidence as confidence_table
from orchestration.build_lock import POOL, build_lock
from orchestration.progress import Step, report
from orchestration.timings import timed
from orchestration.upserts import store_rows

UPSTREAM = (
    ("events", "sprint_snapshots"),
    ("staging", "stg_jira__sprints"),
    ("staging", "business_calendar"),
    ("cycles", "work_item_cycles"),
)
# Every two hours is for the sprint that runs; afterwards a day's last word is enough.
DETAIL_DAYS = 30
# As long as computed daily metrics (004 §8.3), of which this is one.
KEPT_DAYS = 3 * 366


@dg.asset(
    key=["forecast", "sprint_confidence"],
    deps=[dg.AssetKey(list(key)) for key in UPSTREAM],
    kinds={"python", "numpy"},
    pool=POOL,
)
def sprint_confidences(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """One row per active sprint and time at which it was looked at: how likely is it to finish what it holds?"""
    with build_lock(get_engine(), context.log.info), get_engine().begin() as connection:
        with timed(connection, "forecast.sprint_confidence") as count:
            count.rows = written = write_confidences(connection, get_settings())
        removed = prune(connection)
    report(Step(1, 1, "forecast.sprint_confidence"))
    return dg.MaterializeResult(metadata={"dagster/row_count": written, "removed_rows": removed})


def write_confidences(connection: Connection, settings: Settings) -> int:
    """Compute and store the confidence of every active sprint of a delivery stream; returns the number of rows."""
    found = connection.execute(text(_ACTIVE_SPRINTS), {"timezone": settings.timezone}).mappings().all()
    rows = [confidence_row(sprint, ZoneInfo(settings.timezone)) for sprint in found]
    store_rows(connection, confidence_table, ("sprint_id", "computed_at"), rows)
    return len(rows)


def confidence_row(sprint: RowMapping, timezone: ZoneInfo) -> dict[str, Any]:
    """The table row of one active sprint."""
    answer = _answer(sprint)
    return {
        "sprint_id": sprint["sprint_id"],
        "delivery_stream_id": sprint["delivery_stream_id"],
        "computed_at": sprint["as_of"],
        "computed_on": sprint["as_of"].astimezone(timezone).date(),
        "remaining_count": answer.remaining,
        "working_days_left": sprint["working_days_left"],
        "sampled_days": answer.sampled_days,
        "simulation_runs": answer.simulation_runs,
        "confidence_pct": answer.confidence_pct,
        "exact_confidence_pct": answer.exact_pct,
        "error_state": answer.error_state,
        "note": answer.note,
    }


def _answer(sprint: RowMapping) -> SprintConfidence:
    daily, remaining, days = sprint["daily_throughput"], sprint["remaining_count"], sprint["working_days_left"]
    if days is None and remaining:
        note = "The sprint has no planned end, so its working days cannot be counted."
        return SprintConfidence(remaining, 0, len(daily), 0, None, None, "no_data", note)
    # The sprint and the instant are the seed: a confidence computed twice is the same confidence.
    seed = (sprint["sprint_id"].int, int(sprint["as_of"].timestamp()))
    return sprint_confidence(daily, remaining, days or 0, seed=seed)


def prune(connection: Connection) -> int:
    """Keep a day's last row alone once it is a month old, and none for over three years; returns the rows removed.

    Ages count from the newest row, so that a restored or an old database loses nothing to the clock.
    """
    newest = connection.execute(text("select max(computed_on) from forecast.sprint_confidence")).scalar()
    if newest is None:
        return 0
    limits = {"detailed": newest - timedelta(days=DETAIL_DAYS), "kept": newest - timedelta(days=KEPT_DAYS)}
    return connection.execute(text(_PRUNE), limits).rowcount


# The working days that are left are today and those after it, up to the sprint's last. A sprint that ends before noon
# has its last working day on the day before: what is planned for ten in the morning is the handing over.
# The history is every working day of the six sprints of the stream that were closed last, a day that two of them share
# once. The day on which the marts were built is in none of them: it is not over.
_ACTIVE_SPRINTS = """
with

latest as (
    select distinct on (sprint_id)
        sprint_id,
        delivery_stream_id,
        remaining_count,
        event_timestamp as as_of,
        is_final
    from events.sprint_snapshots
    order by sprint_id, snapshot_date desc
),

active as (
    select
        latest.sprint_id,
        latest.delivery_stream_id,
        latest.remaining_count,
        latest.as_of,
        (latest.as_of at time zone :timezone)::date as today,
        ((sprints.ends_at at time zone :timezone) - interval '12 hours')::date as last_day
    from latest
    inner join staging.stg_jira__sprints as sprints on latest.sprint_id = sprints.sprint_id
    where
        not latest.is_final
        and latest.delivery_stream_id is not null
        and sprints.closed_at is null
        and coalesce(sprints.state, 'active') = 'active'
        and not sprints.is_deleted
),

closed as (
    select
        latest.delivery_stream_id,
        (sprints.starts_at at time zone :timezone)::date as first_day,
        (sprints.closed_at at time zone :timezone)::date as last_day,
        row_number() over (
            partition by latest.delivery_stream_id order by sprints.closed_at desc, latest.sprint_id
        ) as recency
    from latest
    inner join staging.stg_jira__sprints as sprints on latest.sprint_id = sprints.sprint_id
    where latest.is_final and not sprints.is_deleted
),

working_days as (
    select day
    from staging.business_calendar
    where is_business_day
),

sampled as (
    select distinct
        closed.delivery_stream_id,
        working_days.day
    from closed
    inner join working_days on working_days.day between closed.first_day and closed.last_day
    where closed.recency <= 6 and closed.delivery_stream_id in (select active.delivery_stream_id from active)
),

completed as (
    select
        delivery_stream_id,
        (completed_at at time zone :timezone)::date as day,
        count(*) as items
    from cycles.work_item_cycles
    where
        delivery_stream_id in (select active.delivery_stream_id from active)
        and completed_at >= (select min(sampled.day) - 1 from sampled)
    group by delivery_stream_id, (completed_at at time zone :timezone)::date
),

final as (
    select
        active.sprint_id,
        active.delivery_stream_id,
        active.remaining_count,
        active.as_of,
        case
            when active.last_day is not null then (
                select count(*)
                from working_days
                where working_days.day between active.today and active.last_day
            )
        end as working_days_left,
        array(
            select coalesce(completed.items, 0)
            from sampled
            left join completed
                on sampled.delivery_stream_id = completed.delivery_stream_id and sampled.day = completed.day
            where sampled.delivery_stream_id = active.delivery_stream_id and sampled.day < active.today
            order by sampled.day
        ) as daily_throughput
    from active
)

select * from final
order by sprint_id
"""

_PRUNE = """
delete from forecast.sprint_confidence as old
where
    old.computed_on < :kept
    or (
        old.computed_on < :detailed
        and exists (
            select from forecast.sprint_confidence as later
            where
                later.sprint_id = old.sprint_id
                and later.computed_on = old.computed_on
                and later.computed_at > old.computed_at
        )
    )
"""
