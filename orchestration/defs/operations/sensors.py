"""What arrivals start where no worker builds them: a sensor that builds the marts when new events have landed.

In: `landing.raw_events`, whose `landing_id` grows in the order of commits. Out: one run request for all
that has arrived, and a report on the landing asset. The cursor is the newest `landing_id` that a run was
asked for or that the marts contain, so nothing is missed when the daemon was away, and nothing is built twice.
A worker (`orchestration.worker`) is quicker; the sensor waits for it, but not for long.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from sqlalchemy import Connection, text

from core import clock
from core.database import get_engine
from orchestration.build_lock import is_building, worker_lives
from orchestration.defs.ingest.landing import LANDING
from orchestration.defs.operations.jobs import IN_PROCESS_TAG, LANDING_TAG, update_marts
from orchestration.mart_state import built_until

# Deliveries come in bursts (a merged pull request is five of them): wait for the end of the burst, but not for long.
QUIET = timedelta(seconds=3)
LONGEST_WAIT = timedelta(seconds=30)
# What a living worker has not built by then, it will not build.
LONGEST_WAIT_FOR_WORKER = timedelta(seconds=60)
UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
# A run that died without a word must not silence the sensor for ever; builds take minutes at most.
LONGEST_BUILD = timedelta(hours=2)
MOST_UNFINISHED = 100


@dataclass(frozen=True)
class Arrivals:
    """What has landed after the cursor: how many, the newest id, and when the first and the last came."""

    count: int
    newest_id: int
    first_at: datetime
    last_at: datetime


def read_arrivals(connection: Connection, cursor: int) -> Arrivals | None:
    """Everything with a `landing_id` above the cursor; None where there is nothing."""
    row = connection.execute(
        text(
            """
            select count(*), max(landing_id), min(received_at), max(received_at)
            from landing.raw_events
            where landing_id > :cursor
            """
        ),
        {"cursor": cursor},
    ).one()
    return None if row[0] == 0 else Arrivals(row[0], row[1], row[2], row[3])


def reason_to_wait(arrivals: Arrivals | None, now: datetime, *, building: bool, has_worker: bool = False) -> str | None:
    """Why no run starts now, or None where one should."""
    if arrivals is None:
        return "Nothing has arrived."
    if has_worker and now - arrivals.first_at < LONGEST_WAIT_FOR_WORKER:
        return f"{arrivals.count} events have arrived, which the worker builds."
    if building:
        return f"{arrivals.count} events wait for the build that is under way."
    if now - arrivals.last_at < QUIET and now - arrivals.first_at < LONGEST_WAIT:
        return f"{arrivals.count} events have arrived and more may follow."
    return None


@dg.sensor(
    job=update_marts,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Builds the marts when new events have landed.",
)
def new_events(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One run for all that has arrived since the last one."""
    with get_engine().connect() as connection:
        cursor = max(int(context.cursor or 0), built_until(connection))
        arrivals = read_arrivals(connection, cursor)
    building = arrivals is not None and (is_building(get_engine()) or run_under_way(context.instance))
    has_worker = arrivals is not None and worker_lives(get_engine())
    reason = reason_to_wait(arrivals, clock.now(), building=building, has_worker=has_worker)
    if arrivals is None or reason is not None:
        return dg.SensorResult(skip_reason=reason, cursor=str(cursor))
    newest = str(arrivals.newest_id)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=f"landing-{newest}", tags={LANDING_TAG: newest})],
        asset_events=[
            dg.AssetMaterialization(LANDING, metadata={"landing_id": arrivals.newest_id, "new_events": arrivals.count})
        ],
        cursor=newest,
    )


def run_under_way(instance: dg.DagsterInstance) -> bool:
    """Whether a run of Dagster's own is queued or running. What builds in another process holds the build lock."""
    filters = dg.RunsFilter(statuses=list(UNFINISHED), created_after=clock.now() - LONGEST_BUILD)
    return any(IN_PROCESS_TAG not in run.tags for run in instance.get_runs(filters=filters, limit=MOST_UNFINISHED))
