"""What is compared and brought up to date at night: what webhooks missed, what vendors deleted or renamed.

In: the settings. Out: a job with one step for each source that is configured; a step that fails leaves the others be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg

from core.settings import Settings, get_settings
from ingestion.pipelines import LoadResult
from ingestion.sources.bitbucket import pull as bitbucket
from ingestion.sources.github.pull import fill_gaps, sync_repositories
from ingestion.sources.gitlab import pull as gitlab
from ingestion.sources.jira.pull import reconcile_jira
from orchestration.configured import (
    bitbucket_is_configured,
    github_is_configured,
    gitlab_is_configured,
    jira_is_configured,
)


@dataclass(frozen=True)
class Work:
    """One piece of the night's work: what is called, for which source, and the schema that it writes."""

    name: str
    call: Callable[[Settings], object]
    is_configured: Callable[[Settings], bool]
    dataset: str

    def as_step(self) -> dg.OpDefinition:
        """A step that tries again, and reports the tables that it wrote."""

        @dg.op(
            name=self.name,
            description=(self.call.__doc__ or "").partition("\n")[0],
            retry_policy=dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL),
        )
        def step(context: dg.OpExecutionContext) -> None:
            outcome = self.call(get_settings())
            context.log.info(f"{self.name}: {outcome}")
            for result in outcome if isinstance(outcome, Sequence) else ():
                if isinstance(result, LoadResult):
                    for table, count in result.tables.items():
                        metadata = {"fetched": count.fetched, "loaded": count.loaded}
                        context.log_event(dg.AssetMaterialization([self.dataset, table], metadata=metadata))

        return step


NIGHTLY = (
    Work("find_what_jira_deleted", reconcile_jira, jira_is_configured, "raw_jira"),
    Work("list_github_repositories", sync_repositories, github_is_configured, "raw_github"),
    Work("fill_gaps_of_github", fill_gaps, github_is_configured, "raw_github"),
    Work("list_gitlab_projects", gitlab.sync_repositories, gitlab_is_configured, "raw_gitlab"),
    Work("list_bitbucket_repositories", bitbucket.sync_repositories, bitbucket_is_configured, "raw_bitbucket"),
)


@dg.job(description="Finds what webhooks missed and what vendors deleted, moved or renamed.")
def reconcile() -> None:
    """One step for each configured source; none waits for another."""
    for work in NIGHTLY:
        if work.is_configured(get_settings()):
            work.as_step()()
