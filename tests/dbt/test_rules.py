"""Every rule that stands beside a model as a unit test holds, and so does every data test on an empty platform."""

from __future__ import annotations

from datetime import UTC, datetime

from core.settings import Settings
from orchestration import dbt
from tests.marts import build_marts, marts_database


def test_every_rule_beside_a_model_holds(server: Settings) -> None:
    settings = marts_database(server)

    ran = build_marts(settings, datetime(2026, 1, 31, tzinfo=UTC), full_refresh=True)

    rules = [name for name in ran if name.startswith("unit_test: ")]
    described = sum(path.read_text().count("    model: ") for path in dbt.PROJECT_FOLDER.rglob("*.yml"))
    assert len(rules) == described
    assert described > 80
