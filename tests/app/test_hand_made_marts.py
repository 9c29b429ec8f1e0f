"""The marts made by hand for these tests have the columns that dbt's contracts promise, so they cannot drift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from app.queries.readiness import MARTS
from core.settings import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt_project"


def contract(mart: str) -> dict[str, str]:
    """Column names and types of a model or seed, from its YAML."""
    name = mart.partition(".")[2]
    for path in (*DBT_PROJECT.glob("models/**/*.yml"), *DBT_PROJECT.glob("seeds/*.yml")):
        found = _columns(path, name)
        if found:
            return found
    raise AssertionError(f"no contract describes {mart}")


def _columns(path: Path, name: str) -> dict[str, str]:
    described: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for node in [*described.get("models", []), *described.get("seeds", [])]:
        if node["name"] == name:
            types = node.get("config", {}).get("column_types", {})
            return {column["name"]: column.get("data_type") or types.get(column["name"]) for column in node["columns"]}
    return {}


@pytest.mark.parametrize("mart", MARTS)
def test_a_hand_made_mart_is_a_part_of_its_contract(empty_marts: Engine, mart: str) -> None:
    schema, _, name = mart.partition(".")
    with empty_marts.connect() as connection:
        made = connection.execute(
            text(
                "select column_name, format_type(a.atttypid, a.atttypmod) from information_schema.columns "
                "inner join pg_attribute as a on a.attrelid = cast(:mart as regclass) and a.attname = column_name "
                "where table_schema = :schema and table_name = :name"
            ),
            {"mart": mart, "schema": schema, "name": name},
        ).all()
    promised = contract(mart)
    known_as = {"timestamp with time zone": "timestamptz", "character varying": "text"}
    for column, made_type in made:
        assert column in promised, f"{mart}.{column} is in no contract"
        if promised[column] is not None:
            promised_type = known_as.get(promised[column], promised[column])
            assert known_as.get(made_type, made_type) == promised_type, f"{mart}.{column}"
