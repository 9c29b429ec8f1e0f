"""What is pulled from the vendors, as assets: one step for each call of a source.

In: the settings that name sites, organisations and clones. Out: one asset for each raw table, which Dagster can
materialise where its source is configured, and only knows where it is not. How a source is loaded (key, cursor,
contract, counts) is the source's and `ingestion.pipelines`' business. What is compared and brought up to date at
night stands in `orchestration.defs.operations.reconciliation`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from core.database import get_engine
from core.settings import Settings, get_settings
from ingestion.pipelines import LoadResult
from ingestion.sources.bitbucket.pull import pull_bitbucket
from ingestion.sources.git_history.pull import pull_git
from ingestion.sources.github.pull import pull_github
from ingestion.sources.gitlab.pull import pull_gitlab
from ingestion.sources.jira.fields import check_mappings
from ingestion.sources.jira.pull import pull_jira, pull_registry, pull_sprints, sync_sprints
from ingestion.sources.tables import RawTable
from ingestion.sources.tables import github as github_tables
from ingestion.sources.tables import jira as jira_tables
from ingestion.sources.tables.bitbucket import BITBUCKET_TABLES
from ingestion.sources.tables.git import GIT_TABLES
from ingestion.sources.tables.gitlab import GITLAB_TABLES
from orchestration.configured import (
    bitbucket_is_configured,
    git_is_configured,
    github_is_configured,
    gitlab_is_configured,
    jira_is_configured,
)

Pull = Callable[[Settings], Sequence[LoadResult]]


def spec_of(table: RawTable) -> dg.AssetSpec:
    """A raw table as Dagster sees it; nothing stands above it but the vendor."""
    columns = [
        dg.TableColumn(name, column.data_type, column.description, dg.TableColumnConstraints(nullable=column.nullable))
        for name, column in table.columns.items()
    ]
    return dg.AssetSpec(
        dg.AssetKey([table.dataset, table.name]),
        kinds={"dlt", "postgres"},
        description=f"What is pulled into {table.dataset}.{table.name}, merged on {', '.join(table.key)}.",
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
    )


def pulled(pull: Pull, *tables: RawTable, is_configured: bool) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """Tables as one step that Dagster runs, or, where their source is not configured, as tables that others fill."""
    specs = [spec_of(table) for table in tables]
    if not is_configured:
        return list(specs)

    @dg.multi_asset(
        name=pull.__name__,
        description=(pull.__doc__ or "").partition("\n")[0],
        specs=specs,
        pool=tables[0].dataset,
        # A vendor that is away now is there in a while; a pull that is run twice changes nothing.
        retry_policy=dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL),
    )
    def step() -> Iterator[dg.MaterializeResult[Any]]:
        results = pull(get_settings())
        for table in tables:
            counts = [result.tables[table.name] for result in results if table.name in result.tables]
            fetched, loaded = sum(count.fetched for count in counts), sum(count.loaded for count in counts)
            yield dg.MaterializeResult(
                asset_key=[table.dataset, table.name],
                metadata={"fetched": fetched, "loaded": loaded, "dagster/row_count": loaded},
            )

    return [step]


def pull_what_the_site_knows(settings: Settings) -> Sequence[LoadResult]:
    """Fields, projects, statuses and boards of the site; the field mappings are checked against them."""
    results = pull_registry(settings)
    with get_engine().begin() as connection:
        check_mappings(connection)
    return results


def pull_sprints_of_boards(settings: Settings) -> Sequence[LoadResult]:
    """Open and recently closed sprints of all boards and who is in them; `config.sprints` follows."""
    results = pull_sprints(settings)
    sync_sprints(settings)
    return results


settings = get_settings()
jira = jira_is_configured(settings)
jira_issues = pulled(pull_jira, jira_tables.JIRA_ISSUES, is_configured=jira)
jira_registry = pulled(
    pull_what_the_site_knows,
    jira_tables.JIRA_FIELDS,
    jira_tables.JIRA_STATUSES,
    jira_tables.JIRA_PROJECTS,
    jira_tables.JIRA_BOARDS,
    is_configured=jira,
)
jira_sprints = pulled(
    pull_sprints_of_boards, jira_tables.JIRA_SPRINTS, jira_tables.JIRA_SPRINT_ISSUES, is_configured=jira
)
github = pulled(
    pull_github,
    github_tables.GITHUB_PULL_REQUESTS,
    github_tables.GITHUB_RELEASES,
    github_tables.GITHUB_DEPLOYMENTS,
    is_configured=github_is_configured(settings),
)
gitlab = pulled(pull_gitlab, *GITLAB_TABLES, is_configured=gitlab_is_configured(settings))
bitbucket = pulled(pull_bitbucket, *BITBUCKET_TABLES, is_configured=bitbucket_is_configured(settings))
git_clones = pulled(pull_git, *GIT_TABLES, is_configured=git_is_configured(settings))
# Written by the reconciliation at night, which is no build.
found_at_night = [spec_of(jira_tables.JIRA_TOMBSTONES), spec_of(github_tables.GITHUB_REPOSITORIES)]
