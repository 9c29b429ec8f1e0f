"""Items by day, age and sprint: a story small enough to be worked out by hand, told in two parts.

January 2026; Mondays are the 5th, 12th, 19th and 26th. The marts are built on the 14th, and again on the 21st.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import CONFIGURATION, Delivery, Ticket, land
from tests.marts import build_marts, marts_database

TABLES = (
    "cycles.sprint_facts",
    "cycles.work_item_flow",
    "cycles.work_item_paths",
    "metrics.aging_wip",
    "metrics.stage_counts_by_day",
    "metrics.wip_by_day",
    "metrics.wip_by_stage",
    "metrics.cumulative_flow",
)
MODELS = tuple(f"+{table.split('.')[1]}" for table in TABLES)
ARITHMETIC = (
    "bands_of_the_flow_are_the_work_in_progress",
    "work_in_progress_now_is_that_of_the_last_day",
    "sprint_facts_are_the_last_snapshot",
    *(f"{table.split('.')[1]},test_type:generic" for table in TABLES),
)


def january(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def story() -> tuple[list[Delivery], list[Delivery]]:
    """What was heard by the 14th, and what came after it, a late delivery of the 8th among it."""
    went_back = Ticket("PAY-1", january(5), tech=("core-api", "auth"))
    was_cancelled = Ticket("PAY-2", january(6))
    was_reopened = Ticket("PAY-3", january(6))
    was_deleted = Ticket("PAY-4", january(7))
    moved_on = Ticket("IDN-5", january(7), stream="Payments")
    came_late = Ticket("IDN-6", january(19), stream="Identity", tech=())
    first = [
        went_back.made(),
        went_back.moved(january(6), "In Progress"),
        went_back.moved(january(9), "In QA"),
        was_cancelled.made(),
        was_cancelled.in_sprints(january(6, 10), 7),
        was_cancelled.moved(january(7), "In Progress"),
        was_reopened.made(),
        was_reopened.in_sprints(january(6, 10), 7),
        was_reopened.moved(january(7), "In Progress"),
        was_deleted.made(),
        was_deleted.moved(january(8), "In Progress"),
        moved_on.made(),
    ]
    late = was_reopened.moved(january(8), "Done", "Fixed")
    moved_on.stream = "Identity"
    second = [
        late,
        went_back.moved(january(15), "In Progress"),
        was_cancelled.moved(january(15), "Cancelled"),
        was_reopened.moved(january(16), "In Progress"),
        was_deleted.deleted(january(16)),
        moved_on.moved(january(19), "In Progress"),
        came_late.made(),
        # The clock of the site is two days ahead.
        came_late.moved(january(23), "In Progress"),
    ]
    return first, second


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture(scope="module")
def company(settings: Settings) -> Iterator[Engine]:
    """The marts of the story, built when the first part had arrived and again at its end."""
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
    build_marts(settings, january(14), command="seed")
    first, second = story()
    land(engine, first)
    build(settings, january(14), full_refresh=True)
    land(engine, second)
    build(settings, january(21))
    yield engine
    engine.dispose()


def build(settings: Settings, as_of: datetime, *, full_refresh: bool = False) -> None:
    build_marts(settings, as_of, full_refresh=full_refresh, select=MODELS, command="run")


def found(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def standing(engine: Engine, stream: str, day: int) -> dict[str, int]:
    """What stood where at the end of a day in January."""
    rows = found(
        engine,
        f"""
        select stage, item_count from metrics.wip_by_day inner join metrics.stream_list using (stream_type, stream_id)
        where name = '{stream}' and day = '2026-01-{day:02}' and item_count > 0
        """,
    )
    return dict(rows)


def test_an_item_stands_where_it_stood_when_the_day_ended(company: Engine) -> None:
    """The deleted item stands nowhere, on no day; the late delivery had one of them done since the 8th."""
    assert standing(company, "all", 7) == {"backlog": 1, "dev": 3}
    assert standing(company, "all", 9) == {"backlog": 1, "dev": 1, "qa": 1}
    assert standing(company, "all", 15) == {"backlog": 1, "dev": 1}
    assert standing(company, "all", 16) == {"backlog": 1, "dev": 2}
    assert standing(company, "auth", 15) == {"dev": 1}


def test_a_retagged_item_takes_its_history_along(company: Engine) -> None:
    assert standing(company, "identity", 7) == {"backlog": 1}
    assert standing(company, "payments", 7) == {"dev": 3}


def test_a_day_that_is_to_come_does_not_count_yet(company: Engine) -> None:
    assert standing(company, "identity", 21) == {"backlog": 1, "dev": 1}


def test_an_arrival_stays_one_whatever_became_of_it(company: Engine) -> None:
    bands = found(
        company,
        """
        select stage, cumulative_count, arrived_count from metrics.cumulative_flow
        where stream_type = 'all' and day = '2026-01-16' order by stage_order
        """,
    )
    assert bands == [
        ("backlog", 3, 4), ("ba", 2, 3), ("dev", 2, 3), ("code_review", 0, 2), ("qa", 0, 2), ("uat", 0, 1),
        ("done", 0, 1),
    ]  # fmt: skip


def test_a_sprint_keeps_what_it_was_when_it_ended(company: Engine) -> None:
    """Both items were added after the start; one was cancelled, the other reopened on the last day."""
    facts = found(
        company,
        """
        select is_final, committed_count, added_count, completed_count, cancelled_count, carried_over_count,
            carried_over_points, commitment_accuracy_pct
        from cycles.sprint_facts
        """,
    )
    assert facts == [(True, 0, 2, 0, 1, 1, 3, None)]


def test_work_in_progress_has_an_age_and_no_pace_without_history(company: Engine) -> None:
    """Business days on the 21st at nine; Tuesday the 20th is a holiday."""
    aging = found(
        company,
        """
        select ticket_id, stage, days_in_stage, age_days, is_beyond_cycle_time_p85 from metrics.aging_wip
        order by ticket_id
        """,
    )
    assert [(key, stage, float(days), float(age), late) for key, stage, days, age, late in aging] == [
        ("IDN-5", "dev", 1.0, 1.0, None),
        ("IDN-6", "dev", 0.0, 0.0, None),
        ("PAY-1", "dev", 3.0, 10.0, None),
        ("PAY-3", "dev", 2.0, 9.0, None),
    ]


def test_what_was_built_in_two_steps_is_what_a_full_rebuild_gives(company: Engine, settings: Settings) -> None:
    def everything() -> dict[str, list[str]]:
        return {
            table: sorted(
                json.dumps(row[0], sort_keys=True)
                for row in found(company, f"select to_jsonb(t) - 'revision' from {table} t")
            )
            for table in TABLES
        }

    build(settings, january(24))
    in_steps = everything()
    assert all(in_steps[table] for table in TABLES)
    # The day that was to come has come, and nothing else was heard.
    assert standing(company, "identity", 22) == {"backlog": 1, "dev": 1}
    assert standing(company, "identity", 23) == {"dev": 2}
    assert len(build_marts(settings, january(24), select=ARITHMETIC, command="test")) > 20
    build(settings, january(24), full_refresh=True)
    assert in_steps == everything()
