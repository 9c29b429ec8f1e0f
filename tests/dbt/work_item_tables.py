"""The tables that follow from Jira, and how tests look at them.

In: a database. Out: every row of every table as text, in an order of its own, without the columns that say how the news
came. Tests of work items compare such pictures.
"""

from __future__ import annotations

import json
from collections.abc import Set
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.marts import build_marts

# Technical columns that say in which build a row was written.
TABLES: dict[str, Set[str]] = {
    "events.work_item_attributes": {"revision"},
    "events.work_item_changes": frozenset(),
    "events.work_item_events": frozenset(),
    "events.work_item_tech_streams": {"revision"},
    "events.work_item_sprints": frozenset(),
    "events.defect_events": frozenset(),
    "events.sprint_snapshots": frozenset(),
    "cycles.work_item_stage_intervals": frozenset(),
    "cycles.work_items": frozenset(),
    "cycles.work_item_cycles": frozenset(),
}
# What tells of the arrival and not of the event.
ARRIVAL = frozenset({"received_at", "landing_id"})


def build_work_items(settings: Settings, as_of: datetime, *, full_refresh: bool = False) -> None:
    """Build everything that follows from Jira's events, metrics left out.

    Of the models of pull requests, which these tests leave empty, only that they are there matters: once is enough.
    """
    engine = make_engine(database_url(settings))
    with engine.connect() as connection:
        is_first = connection.execute(text("select to_regclass('cycles.work_item_cycles')")).scalar() is None
    engine.dispose()
    names = [table.partition(".")[2] for table in TABLES]
    selected = (
        [f"+{name}" for name in names]
        if is_first
        else ["path:models/staging/jira", "business_calendar", "work_item_arrivals", *names]
    )
    build_marts(settings, as_of, full_refresh=full_refresh, select=selected, command="run")


def rows(engine: Engine, *, without: Set[str] = frozenset()) -> dict[str, list[str]]:
    """Every row of every table, in an order of its own."""
    found = {}
    with engine.connect() as connection:
        for table, technical in TABLES.items():
            records: list[dict[str, Any]] = list(
                connection.execute(text(f"select to_jsonb(t) from {table} as t")).scalars()
            )
            kept = ({k: v for k, v in record.items() if k not in technical | without} for record in records)
            found[table] = sorted(json.dumps(record, sort_keys=True) for record in kept)
    return found


def all_of(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]
