"""Dagster keeps its runs for ever; ticks have a setting in `dagster.yaml`, runs have this job."""

from datetime import timedelta

import dagster as dg

from core import clock

KEEP_RUNS_DAYS = 90
LARGEST_BATCH = 500


@dg.op
def delete_old_runs(context: dg.OpExecutionContext) -> None:
    """Delete finished runs older than 90 days with their events; materialisations of later runs stay."""
    before = clock.now() - timedelta(days=KEEP_RUNS_DAYS)
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    filters = dg.RunsFilter(statuses=ended, created_before=before)
    old = context.instance.get_run_ids(filters=filters, limit=LARGEST_BATCH)
    for run_id in old:
        context.instance.delete_run(run_id)
    context.log.info(f"Deleted {len(old)} runs from before {before:%Y-%m-%d}.")


@dg.job(description="Deletes what is old of Dagster's own history.")
def tidy() -> None:
    """One step."""
    delete_old_runs()
