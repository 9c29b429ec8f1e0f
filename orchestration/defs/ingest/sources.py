"""What dlt pulls, as assets: a Jira site's issues, and the history of git clones.

In: the settings that name a site and a folder of clones. Out: one asset for each raw table, which Dagster
can materialise where its source is configured, and only knows where it is not. How a source is loaded (key,
cursor, contract, counts) is `ingestion.load`'s and `ingestion.pipelines`' business.
"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
from dagster_dlt.translator import DagsterDltTranslator, DltResourceTranslatorData
from dlt.extract import DltSource

from core.privacy import Pseudonymiser
from core.settings import Settings, get_settings
from ingestion.load import load_git
from ingestion.pipelines import LoadResult
from ingestion.sources.git_history import Commit, git_history
from ingestion.sources.jira import JiraSite, jira
from ingestion.sources.jira import pull as jira_source
from ingestion.sources.tables import RAW_TABLES

Pull = Callable[[dg.AssetExecutionContext], list[LoadResult]]


class NoHistory:
    """A history without commits."""

    line: list[str] = []
    pull_heads: dict[int, str] = {}

    def commits(self) -> Iterator[Commit]:
        """None."""
        return iter(())


# Assets need only the shape of their source: nothing is read with these.
NOBODY = Pseudonymiser("shape only")
NOWHERE = JiraSite(base_url="https://jira.invalid", email="", api_token="")


class Translator(DagsterDltTranslator):
    """Asset keys are the tables' names in the database."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """`schema/table`, with no upstream: dagster-dlt would invent one."""
        table = next(table for table in RAW_TABLES if table.name == data.resource.name)
        return (
            super()
            .get_asset_spec(data)
            .replace_attributes(
                key=dg.AssetKey([table.dataset, table.name]),
                deps=[],
                kinds={"dlt", "postgres"},
                description=f"What dlt pulls into {table.dataset}.{table.name}, merged on {', '.join(table.key)}.",
            )
        )


def specs_of(source: DltSource) -> list[dg.AssetSpec]:
    """One spec for each table of a dlt source."""
    translator = Translator()
    return [
        translator.get_asset_spec(DltResourceTranslatorData(resource=resource, pipeline=None))
        for resource in source.selected_resources.values()
    ]


def pulled(source: DltSource, pull: Pull | None) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """The source's tables as one step that Dagster runs, or, where `pull` is None, as tables that others fill."""
    specs = specs_of(source)
    if pull is None:
        return list(specs)

    @dg.multi_asset(name=f"pull_{source.name}", specs=specs, pool=f"raw_{source.name}")
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        results = pull(context)
        for spec in specs:
            counts = [result.tables[spec.key.path[-1]] for result in results if spec.key.path[-1] in result.tables]
            fetched, loaded = sum(count.fetched for count in counts), sum(count.loaded for count in counts)
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"fetched": fetched, "loaded": loaded})

    return [step]


def pull_jira(settings: Settings) -> Pull | None:
    """Pulls the issues that changed since the last time; None where no site is named."""
    if settings.jira_url is None:
        return None
    return lambda _context: jira_source.pull_jira(settings)


def pull_git(settings: Settings) -> Pull | None:
    """Reads the clones below the folder, each `organisation/name`; None where no folder is named."""
    if settings.git_folder is None:
        return None
    folder = settings.git_folder

    def pull(context: dg.AssetExecutionContext) -> list[LoadResult]:
        results = []
        for clone in sorted(path for path in folder.glob("*/*") if path.is_dir()):
            context.log.info(f"Reading the history of {clone}.")
            results.append(load_git(clone, f"{clone.parent.name}/{clone.name}", settings))
        return results

    return pull


jira_tables = pulled(jira(NOWHERE, NOBODY), pull_jira(get_settings()))
git_tables = pulled(git_history(NoHistory(), "organisation/name", NOBODY), pull_git(get_settings()))
