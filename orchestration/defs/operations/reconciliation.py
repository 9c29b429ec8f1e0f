"""What is compared and brought up to date at night: what webhooks missed, what vendors deleted or renamed.

In: the settings. Out: a job with one step for each source that is configured; a step that fails leaves the others be.
"""

import dagster as dg

from core.settings import get_settings
from orchestration.pulls import NIGHTLY, Pull, counted, results_of


def step_of(pull: Pull) -> dg.OpDefinition:
    """A step that tries again, and reports the tables that it wrote."""

    @dg.op(
        name=pull.name.replace("-", "_"),
        description=(pull.call.__doc__ or pull.purpose).partition("\n")[0],
        retry_policy=dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL),
    )
    def step(context: dg.OpExecutionContext) -> None:
        results = results_of(pull, get_settings(), context.log)
        for table in pull.tables:
            if any(table.name in result.tables for result in results):
                asset_key, metadata = [table.dataset, table.name], counted(table, results)
                context.log_event(dg.AssetMaterialization(asset_key, metadata=metadata))

    return step


@dg.job(description="Finds what webhooks missed and what vendors deleted, moved or renamed.")
def reconcile() -> None:
    """One step for each configured source; none waits for another."""
    for pull in NIGHTLY:
        if pull.is_configured(get_settings()):
            step_of(pull)()
