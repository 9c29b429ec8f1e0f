"""Dagster's entry point: everything that stands in `orchestration/defs`, found by folder.

A folder under `defs` is a step; it gives its name as group to every asset that has none of its own.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration import dbt, defs


def load_folder(name: str) -> dg.Definitions:
    """The definitions of one folder of `defs`."""
    package = importlib.import_module(f"{defs.__name__}.{name}")

    def grouped(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(group_name=name) if spec.group_name in (None, "default") else spec

    with warnings.catch_warnings():
        # Both functions are "in preview"; the version is held below the next minor one.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.load_definitions_from_package_module(package).map_asset_specs(func=grouped)


definitions = dg.Definitions.merge(
    *(load_folder(folder.name) for folder in pkgutil.iter_modules(defs.__path__)),
    dg.Definitions(
        resources={
            "dbt": DbtCliResource(
                project_dir=str(dbt.PROJECT_FOLDER),
                profiles_dir=str(dbt.PROJECT_FOLDER),
                dbt_executable=dbt.executable(),
            ),
        },
        # One process for each run: steps wait for each other anyway, and an executor of processes
        # imports dbt and Dagster again for each.
        executor=dg.in_process_executor,
    ),
)
