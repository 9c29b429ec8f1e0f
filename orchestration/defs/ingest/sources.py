"""What is pulled from the vendors, as assets: one step for each call of a source.

In: the settings that name sites, organisations and clones. Out: one asset for each raw table, which Dagster can
materialise where its source is configured, and only knows where it is not. How a source is loaded (key, cursor,
contract, counts) is the source's and `ingestion.pipelines`' business.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from core.secrets import secrets_for
from core.settings import Settings, get_settings
from ingestion.load import load_git, load_jira
from ingestion.pipelines import LoadResult
from ingestion.sources.jira import JiraSite
from ingestion.sources.tables import RawTable
from ingestion.sources.tables.bitbucket import BITBUCKET_TABLES
from ingestion.sources.tables.git import GIT_TABLES
from ingestion.sources.tables.github import GITHUB_TABLES
from ingestion.sources.tables.gitlab import GITLAB_TABLES
from ingestion.sources.tables.jira import JIRA_TABLES

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


def pulled(pull: Pull, tables: Sequence[RawTable], *, is_configured: bool) -> list[dg.AssetSpec | dg.AssetsDefinition]:
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
        for spec in specs:
            counts = [result.tables[spec.key.path[-1]] for result in results if spec.key.path[-1] in result.tables]
            fetched, loaded = sum(count.fetched for count in counts), sum(count.loaded for count in counts)
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"fetched": fetched, "loaded": loaded})

    return [step]


def pull_jira(settings: Settings) -> list[LoadResult]:
    """The issues that changed since the last pull."""
    site = JiraSite(settings.jira_url or "", settings.jira_email, secrets_for(settings).get("jira_api_token"))
    return [load_jira(site, settings, jql=settings.jira_jql)]


def pull_git(settings: Settings) -> list[LoadResult]:
    """The clones below the folder, each `organisation/name`."""
    folder = settings.git_folder or settings.home
    return [
        load_git(clone, f"{clone.parent.name}/{clone.name}", settings)
        for clone in sorted(path for path in folder.glob("*/*") if path.is_dir())
    ]


settings = get_settings()
jira_issues = pulled(pull_jira, JIRA_TABLES[:1], is_configured=settings.jira_url is not None)
jira_others = pulled(pull_jira, JIRA_TABLES[1:], is_configured=False)
github = pulled(pull_jira, GITHUB_TABLES, is_configured=False)
gitlab = pulled(pull_jira, GITLAB_TABLES, is_configured=False)
bitbucket = pulled(pull_jira, BITBUCKET_TABLES, is_configured=False)
git_clones = pulled(pull_git, GIT_TABLES, is_configured=settings.git_folder is not None)
