"""Every rule that stands beside a model as a unit test holds, and so does every data test on an empty platform."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from dbt.compilation import inject_ctes_into_sql

from core.settings import Settings
from orchestration import dbt
from tests.dbt.quick_unit_tests import quick_unit_tests, with_fixtures
from tests.marts import build_marts, marts_database

AS_OF = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def empty_platform(server: Settings) -> Settings:
    """Every model built from nothing."""
    settings = marts_database(server)
    build_marts(settings, AS_OF, command="seed")
    build_marts(settings, AS_OF, full_refresh=True, command="run")
    return settings


def test_every_rule_beside_a_model_holds(empty_platform: Settings) -> None:
    with quick_unit_tests():
        ran = build_marts(empty_platform, AS_OF, command="test", select=["test_type:unit"])

    rules = [name for name in ran if name.startswith("unit_test: ")]
    described = sum(path.read_text().count("    model: ") for path in dbt.PROJECT_FOLDER.rglob("*.yml"))
    assert len(rules) == described
    assert described > 80


def test_nothing_is_wrong_with_an_empty_platform(empty_platform: Settings) -> None:
    assert len(build_marts(empty_platform, AS_OF, command="test", select=["test_type:data"])) > 100


@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select 1) select * from a",
        "\n\nWITH a as (select 1), b as (select 2)\nselect * from a, b",
        "with recursive a as (select 1) select * from a",
        "select * from (with a as (select 1) select * from a) as inner_query",
        "-- with a comment\n/* and\nanother */ with a as (select 1) select * from a",
        "select 1 as without",
    ],
)
def test_fixtures_stand_where_dbt_puts_them(sql: str) -> None:
    """The quick way of the tests is dbt's own, but for spaces."""
    fixtures = [SimpleNamespace(sql=" f1 as (\nselect 1\n)"), SimpleNamespace(sql=" f2 as (\nselect 2\n)")]
    assert with_fixtures(sql, fixtures).split() == inject_ctes_into_sql(sql, fixtures).split()
