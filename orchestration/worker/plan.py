"""What a build consists of: every model's statements as dbt wrote them, and who reads whom.

In: settings, a migrated database. Out: a `Plan`. To get one dbt builds all tables, a second time where it still took
its long way (see `dbt_project/macros/materializations`), and leaves each model's script in its `run` folder.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from core import clock
from core.settings import Settings
from orchestration import dbt
from orchestration.environment import child_environment
from orchestration.errors import CommandError

MARKS = ("-- before\n", "-- rows\n", "-- after\n")
# The first build after an upgrade makes the tables, the second takes the short way.
MOST_BUILDS = 2
LARGEST_MESSAGE = 4000


class PlanError(CommandError):
    """dbt did not build, or wrote no script; the message ends with its own lines."""


@dataclass(frozen=True)
class Script:
    """One model's statements: what comes before, what writes rows, what comes after; built for `as_of` at first."""

    before: str
    rows: str
    after: str
    as_of: str

    @property
    def is_dated(self) -> bool:
        """Whether the result depends on the instant that it is built for."""
        return self.as_of in self.before + self.rows

    def dated(self, instant: datetime) -> tuple[str, str, str]:
        """The three parts for another instant."""
        told = instant.isoformat()
        return (
            self.before.replace(self.as_of, told),
            self.rows.replace(self.as_of, told),
            self.after.replace(self.as_of, told),
        )


@dataclass(frozen=True)
class Model:
    """One table: `name` is schema.table; `parents` are models, `inputs` are tables that dbt does not make."""

    name: str
    parents: frozenset[str]
    inputs: frozenset[str]
    # For staging models the folder, which is named as the source of the deliveries that they read.
    vendor: str | None
    script: Script


@dataclass(frozen=True)
class Plan:
    """Every model, parents first."""

    models: tuple[Model, ...]


def learn(settings: Settings) -> Plan:
    """Build everything with dbt and keep the statements. Raises `PlanError`."""
    with dbt.run_folder(settings, "worker") as folder:
        for _ in range(MOST_BUILDS):
            as_of = clock.now()
            _build(settings, folder, as_of)
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            tables = _tables(manifest)
            scripts = {key: _script(folder, node, as_of) for key, node in tables.items()}
            if all(scripts.values()):
                return Plan(_ordered(manifest, tables, {key: script for key, script in scripts.items() if script}))
    long = sorted(tables[key]["name"] for key, script in scripts.items() if script is None)
    raise PlanError(f"dbt went its long way for {', '.join(long)} each time.")


def _build(settings: Settings, folder: Path, as_of: datetime) -> None:
    # Seeds too: an upgrade may bring others. The checks are the daily build's.
    command = [dbt.executable(), "--quiet", "build", "--vars", json.dumps(dbt.variables(settings))]
    command += ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
    done = subprocess.run(
        [*command, "--target-path", str(folder)],
        cwd=dbt.PROJECT_FOLDER,
        env=child_environment(dbt.environment(settings, as_of)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PlanError(f"dbt did not build the marts:\n{(done.stdout + done.stderr).strip()[-LARGEST_MESSAGE:]}")


def _tables(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
        and node["config"]["materialized"] in ("incremental", "table")
        and node["config"]["meta"].get("refresh") != "scheduled"
    }


def _script(folder: Path, node: Mapping[str, Any], as_of: datetime) -> Script | None:
    """The script that dbt left; None where it went another way."""
    path = folder / "run" / node["package_name"] / node["original_file_path"]
    text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    if not text.startswith(MARKS[0].strip()):
        return None
    before, _, rest = text.removeprefix(MARKS[0].strip()).partition(MARKS[1])
    rows, _, after = rest.partition(MARKS[2].strip())
    return Script(before.strip(), rows.strip(), after.strip(), as_of.isoformat())


def _ordered(
    manifest: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], scripts: Mapping[str, Script]
) -> tuple[Model, ...]:
    """Parents first. What stands behind a view counts as the reader's own."""

    def behind(key: str) -> Iterable[str]:
        for parent in manifest["parent_map"].get(key, ()):
            if parent in tables or parent in manifest["sources"]:
                yield parent
            else:
                yield from behind(parent)

    read = {key: set(behind(key)) for key in tables}
    order = TopologicalSorter({key: {one for one in parents if one in tables} for key, parents in read.items()})
    return tuple(
        Model(
            name=_name(tables[key]),
            parents=frozenset(_name(tables[parent]) for parent in read[key] if parent in tables),
            inputs=frozenset(
                _name(manifest["sources"][parent]) for parent in read[key] if parent in manifest["sources"]
            ),
            vendor=tables[key]["fqn"][2] if tables[key]["fqn"][1] == "staging" else None,
            script=scripts[key],
        )
        for key in order.static_order()
    )


def _name(node: Mapping[str, Any]) -> str:
    return f"{node['schema']}.{node.get('identifier') or node.get('alias') or node['name']}"
