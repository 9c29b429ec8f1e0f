"""The dbt project as assets: one for each seed and model, one check for each test.

In: the manifest. Out: materialised marts. Whoever builds them holds the build lock, so a run, a command
and a worker never write the same table at once; the one that comes later waits.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets

from core.database import get_engine
from core.settings import get_settings
from orchestration import dbt as dbt_project
from orchestration.build_lock import POOL, build_lock
from orchestration.environment import export
from orchestration.mart_state import newest_landing_id, note_build
from orchestration.progress import Step, report


class Translator(DagsterDbtTranslator):
    """Asset keys are the tables' names in the database; groups are the folders of the dbt project."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`schema/table`, for models and sources alike."""
        table = dbt_resource_props.get("identifier") or dbt_resource_props.get("alias") or dbt_resource_props["name"]
        return dg.AssetKey([dbt_resource_props["schema"], table])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The folder under `models/`; `seeds` for seeds."""
        if dbt_resource_props["resource_type"] == "model":
            return str(dbt_resource_props["fqn"][1])
        return "seeds" if dbt_resource_props["resource_type"] == "seed" else None


class BuildConfig(dg.Config):
    """How a run builds the marts."""

    full_refresh: bool = False


@dbt_assets(
    manifest=dbt_project.prepare_manifest(get_settings()), dagster_dbt_translator=Translator(), name="marts", pool=POOL
)
def marts(context: dg.AssetExecutionContext, dbt: DbtCliResource, config: BuildConfig) -> Iterator[Any]:
    """Seeds, models and data tests in the order of their lineage; unit tests belong to development."""
    settings = get_settings()
    arguments = ["build", "--exclude-resource-type", "unit_test", "--vars", json.dumps(dbt_project.variables(settings))]
    if config.full_refresh:
        arguments.append("--full-refresh")
    export(dbt_project.environment(settings))
    total, done = len(context.selected_asset_keys), 0
    # A part of the tables says nothing of how far the rest is.
    is_whole = context.selected_asset_keys >= marts.keys
    with build_lock(get_engine(), context.log.info), dbt_project.run_folder(settings, context.run_id) as folder:
        with get_engine().connect() as connection:
            newest = newest_landing_id(connection)
        for event in dbt.cli(arguments, context=context, target_path=folder).stream():
            if isinstance(event, dg.Output):
                done += 1
                report(Step(done, total, event.output_name.replace("__", ".", 1)))
            yield event
        if is_whole:
            with get_engine().begin() as connection:
                note_build(connection, newest, "run", changed=True)
