"""What is pulled from the vendors, as assets: one step for each call of a source.

In: `orchestration.pulls` and the settings. Out: one asset for each raw table, which Dagster can materialise where its
source is configured, and only knows where it is not.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from core.settings import get_settings
from ingestion.sources.tables import RawTable
from orchestration.pulls import NIGHTLY, PULLS, Pull, counted, results_of

Definition = dg.AssetSpec | dg.AssetsDefinition


def spec_of(table: RawTable) -> dg.AssetSpec:
    """A raw table as Dagster sees it; nothing stands above it but the vendor."""
    columns = [
        dg.TableColumn(name, column.data_type, column.description, dg.TableColumnConstraints(nullable=column.nullable))
        for name, column in table.columns.items()
    ]
    return dg.AssetSpec(
        dg.AssetKey([table.dataset, table.name]),
        kinds={"git" if table.dataset == "raw_git" else "dlt", "postgres"},
        description=f"What is pulled into {table.dataset}.{table.name}, merged on {', '.join(table.key)}.",
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
    )


def pulled(pull: Pull) -> list[Definition]:
    """Tables as one step that Dagster runs, or, where their source is not configured, as tables that others fill."""
    specs = [spec_of(table) for table in pull.tables]
    if not pull.is_configured(get_settings()):
        return list(specs)

    @dg.multi_asset(
        name=f"pull_{pull.name.replace('-', '_')}",
        description=(pull.call.__doc__ or pull.purpose).partition("\n")[0],
        specs=specs,
        pool=pull.tables[0].dataset,
        # A vendor that is away now is there in a while; a pull that is run twice changes nothing.
        retry_policy=dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL),
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        results = results_of(pull, get_settings(), context.log)
        for table in pull.tables:
            yield dg.MaterializeResult(asset_key=[table.dataset, table.name], metadata=counted(table, results))

    return [step]


sources: list[Definition] = [definition for pull in PULLS for definition in pulled(pull)]
# Written by the reconciliation at night, which is no build.
found_at_night = [spec_of(table) for pull in NIGHTLY for table in pull.tables]
