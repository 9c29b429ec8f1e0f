"""What is compared and brought up to date at night: what webhooks missed, what vendors deleted or renamed.

In: the settings. Out: a job with one step for each source that is configured; a step that fails leaves the others be.
"""

from collections.abc import Sequence

import dagster as dg

from core.settings import get_settings
from ingestion.operations import Deferred
from ingestion.pipelines import LoadResult
from orchestration.pulls import NIGHTLY, Pull


def step_of(pull: Pull) -> dg.OpDefinition:
    """A step that tries again, and reports the tables that it wrote."""

    @dg.op(
        name=pull.name.replace("-", "_"),
        description=(pull.call.__doc__ or pull.purpose).partition("\n")[0],
        retry_policy=dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL),
    )
    def step(context: dg.OpExecutionContext) -> None:
        try:
            outcome = pull.call(get_settings())
        except Deferred as deferred:
            context.log.warning(f"{pull.name}: {deferred}")
            return
        context.log.info(f"{pull.name}: {outcome}")
        for result in outcome if isinstance(outcome, Sequence) else ():
            for table in pull.tables:
                if isinstance(result, LoadResult) and table.name in result.tables:
                    count = result.tables[table.name]
                    metadata = {"fetched": count.fetched, "loaded": count.loaded}
                    context.log_event(dg.AssetMaterialization([table.dataset, table.name], metadata=metadata))

    return step


@dg.job(description="Finds what webhooks missed and what vendors deleted, moved or renamed.")
def reconcile() -> None:
    """One step for each configured source; none waits for another."""
    for pull in NIGHTLY:
        if pull.is_configured(get_settings()):
            step_of(pull)()
