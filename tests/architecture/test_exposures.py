"""What dbt says of the readers of the marts is what the readers read: exposures against the SQL of app/queries."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings import PROJECT_ROOT
from orchestration.dbt import PROJECT_FOLDER

QUERIES = PROJECT_ROOT / "app" / "queries"
MART = re.compile(r"\b(?:cycles|metrics|quality|forecast)\.([a-z]\w+)")
# Types and names that several modules share; no question of its own.
NOT_A_QUESTION = frozenset({"__init__", "values"})


def exposures() -> dict[str, dict[str, Any]]:
    told = yaml.safe_load((PROJECT_FOLDER / "models" / "exposures.yml").read_text(encoding="utf-8"))
    return {one["name"]: one for one in told["exposures"]}


def texts(path: Path) -> Iterator[str]:
    """Every text in a module but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def tables_read_by(module: str) -> set[str]:
    return {table for one in texts(QUERIES / f"{module}.py") for table in MART.findall(one)}


def tables_named_by(exposure: dict[str, Any]) -> set[str]:
    return {re.findall(r"'(\w+)'", one)[-1] for one in exposure["depends_on"]}


@pytest.mark.parametrize("name", exposures())
def test_an_exposure_names_the_tables_that_its_queries_read(name: str) -> None:
    exposure = exposures()[name]
    read = {table for module in exposure["meta"]["reads"] for table in tables_read_by(module)}
    assert tables_named_by(exposure) == read, "mend depends_on in dbt_project/models/exposures.yml"


@pytest.mark.parametrize(
    "module", sorted(path.stem for path in QUERIES.glob("*.py") if path.stem not in NOT_A_QUESTION)
)
def test_each_question_belongs_to_an_exposure(module: str) -> None:
    readers = [name for name, one in exposures().items() if module in one["meta"]["reads"]]
    assert readers, f"name app.queries.{module} in meta.reads of an exposure"


def test_each_dashboard_view_is_an_exposure() -> None:
    views = {path.stem for path in (PROJECT_ROOT / "app" / "dashboard" / "views").glob("*.py")} - {"__init__"}
    assert {name.removeprefix("dashboard_") for name in exposures() if name.startswith("dashboard_")} == views


def test_each_endpoint_of_metrics_and_forecasts_is_an_exposure() -> None:
    routes = (PROJECT_ROOT / "app" / "api" / "routes.py").read_text(encoding="utf-8")
    endpoints = set(re.findall(r'add_api_route\("(/(?:metrics|forecast)/[\w/-]+)"', routes))
    addresses = {one["url"].partition("/api/v1")[2] for one in exposures().values()} - {""}
    assert endpoints == addresses
