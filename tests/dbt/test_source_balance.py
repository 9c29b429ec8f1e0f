"""What enters is counted against what leaves: each delivery, each fetched row has a fate, and a lost one is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import CONFIGURATION, Delivery, Ticket, fetch, land
from tests.dbt.work_item_tables import all_of
from tests.marts import build_marts, marts_database

MOMENT = datetime(2026, 1, 5, 9, tzinfo=UTC)
AS_OF = MOMENT + timedelta(days=3)
LOOK = """
    select source, channel, balance_date, entered, understood, dead_letters, silent, waiting, lost, events
    from quality.source_balance order by source, channel, balance_date
"""


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture(scope="module")
def inbox(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
    yield engine
    engine.dispose()


def fetch_pipelines(engine: Engine, pipelines: dict[str, dict[str, object]]) -> None:
    """Store fetched pipelines of one load, by GitLab's number."""
    with engine.begin() as connection:
        for number, pipeline in pipelines.items():
            connection.execute(
                text(
                    """
                    insert into raw_gitlab.pipelines
                        (repo_full_name, pipeline_id, updated_at, pipeline, fetched_at, _dlt_load_id, _dlt_id)
                    values ('acme/pay', :number, :moment, cast(:pipeline as jsonb), :moment, :load, :number)
                    """
                ),
                {
                    "number": number,
                    "pipeline": json.dumps(pipeline),
                    "moment": MOMENT,
                    "load": f"{MOMENT.timestamp()}",
                },
            )


def test_each_delivery_is_understood_or_dead_or_silent_and_a_lost_one_is_found(
    inbox: Engine, settings: Settings
) -> None:
    ticket = Ticket("PAY-1", MOMENT)
    nameless = Delivery("nameless", "jira:issue_updated", MOMENT, {"issue": {"fields": {}}})
    board = Delivery("board", "board_updated", MOMENT, {"board": {"id": 1}})
    strange = Delivery("strange", "worklog_created", MOMENT, {})
    late = Delivery("late", "worklog_created", AS_OF - timedelta(minutes=1), {})
    # The same ticket was fetched by two loads, and only the later one has rows now.
    fetch(inbox, ticket, MOMENT, f"{MOMENT.timestamp()}", changelog=False)
    fetch(inbox, ticket, MOMENT, f"{(MOMENT + timedelta(days=1)).timestamp()}", changelog=False)
    land(inbox, [ticket.made(), ticket.moved(MOMENT, "In Progress"), nameless, board, strange, late])
    fetch_pipelines(inbox, {"1": {"id": 1, "status": "success"}, "2": {"id": 2, "status": "running"}, "3": {}})
    with inbox.begin() as connection:
        connection.execute(
            text(
                """
                insert into landing.dead_letters (landing_id, received_at, source, event_name, reason)
                select landing_id, received_at, source, event_name, 'the payload has no issue.key'
                from landing.raw_events where delivery_id = 'nameless'
                """
            )
        )
    build_marts(settings, AS_OF, full_refresh=True, select=("+source_balance",), command="run")
    assert all_of(inbox, LOOK) == [
        # One pipeline is done, one still runs, and of the third nobody can tell.
        ("gitlab", "fetched", date(2026, 1, 5), 3, 1, 0, 1, 0, 1, None),
        ("jira", "delivered", date(2026, 1, 5), 5, 2, 1, 1, 0, 1, 2),
        ("jira", "delivered", date(2026, 1, 8), 1, 0, 0, 0, 1, 0, 0),
        ("jira", "fetched", date(2026, 1, 6), 1, 1, 0, 0, 0, 0, None),
    ]
    # The invariant is a test of the model, and it fails for the lost one.
    with pytest.raises(AssertionError, match="nothing_is_lost_between_inbox_and_models"):
        build_marts(settings, AS_OF, select=("nothing_is_lost_between_inbox_and_models",), command="test")
