"""From a tool's webhook to incident events: signed deliveries in, one row per start and end out, in any order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.settings import Settings
from tests.conformance.conftest import Database, front_door_of
from tests.ingestion.front_door.vendor_deliveries import Sent, alert, alertmanager, opsgenie, pagerduty
from tests.marts import build_marts, marts_database

CONFIGURATION = """
    insert into config.tech_streams (name, display_name, github_org, github_install_id)
    values ('core', 'Core', 'acme-core-api', '1');
    insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name, deploy_target)
    select stream_id, github_org, 'payments', github_org || '/payments', 'ecs:payments' from config.tech_streams;
"""
STARTED = "2026-03-02T10:00:00.5Z"
# PagerDuty tells of an incident that is reopened, Opsgenie of one alert, Alertmanager of two in a group.
TOLD: tuple[Sent, ...] = (
    pagerduty("incident.triggered", "2026-03-02T10:00:00Z", "01"),
    pagerduty("incident.acknowledged", "2026-03-02T10:05:00Z", "02"),
    pagerduty("incident.resolved", "2026-03-02T10:30:00Z", "03"),
    pagerduty("incident.reopened", "2026-03-02T10:40:00Z", "04"),
    pagerduty("incident.resolved", "2026-03-02T11:00:00Z", "05"),
    opsgenie("Create"),
    opsgenie("Close", updatedAt=1772447400000000000),
    alertmanager("firing", [alert("firing", "aaaa", STARTED), alert("firing", "bbbb", STARTED)]),
    alertmanager(
        "firing", [alert("firing", "aaaa", STARTED, "2026-03-02T10:10:00Z"), alert("firing", "bbbb", STARTED)]
    ),
    alertmanager("resolved", [alert("resolved", "aaaa", STARTED, "2026-03-02T10:15:00Z")]),
)
OPSGENIE = "052652ac-5d1c-464a-812a-7dd18bbfba8c"
EXPECTED = {
    ("PGR0VU2", "incident_opened"): ("critical", None),
    ("PGR0VU2", "incident_resolved"): ("critical", 30),
    ("PGR0VU2#2", "incident_opened"): ("critical", None),
    ("PGR0VU2#2", "incident_resolved"): ("critical", 20),
    (OPSGENIE, "alarm_triggered"): ("high", None),
    (OPSGENIE, "alarm_resolved"): ("high", 30),
    ("aaaa@2026-03-02T10:00:00.500Z", "alarm_triggered"): ("critical", None),
    ("aaaa@2026-03-02T10:00:00.500Z", "alarm_resolved"): ("critical", 15),
    ("bbbb@2026-03-02T10:00:00.500Z", "alarm_triggered"): ("critical", None),
}


@pytest.fixture(scope="module")
def monitored(server: Settings) -> Iterator[Database]:
    settings = marts_database(server)
    made = Database(settings)
    yield made
    made.engine.dispose()


def incident_events(database: Database, *, full_refresh: bool = False) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Build, then what stands in the table: severity and minutes to restore by incident and event."""
    build_marts(
        database.settings,
        datetime(2026, 4, 1, tzinfo=UTC),
        select=["+incident_events"],
        command="run",
        full_refresh=full_refresh,
    )
    found = database.rows(
        "select incident_id, event_type, severity, time_to_restore_min, repo_full_name from events.incident_events"
    )
    assert {row.repo_full_name for row in found} <= {"acme-core-api/payments"}
    return {(row.incident_id, row.event_type): (row.severity, row.time_to_restore_min) for row in found}


@pytest.mark.parametrize("order", ["as it happened", "backwards"])
def test_each_start_and_end_is_one_event_whatever_the_order_of_arrival(
    monitored: Database, tmp_path: Path, order: str
) -> None:
    with monitored.engine.begin() as connection:
        connection.execute(
            text(
                "truncate landing.raw_events, landing.deliveries, landing.dead_letters, config.repositories, "
                "config.tech_streams cascade"
            )
        )
        connection.execute(text(CONFIGURATION))
    told = TOLD if order == "as it happened" else TOLD[::-1]

    with front_door_of(monitored.engine, monitored.settings, tmp_path / "archive") as door:
        for index, delivery in enumerate(told):
            assert delivery.to(door).status_code == 202
            if index == 4:
                incident_events(monitored, full_refresh=True)
    found = incident_events(monitored)

    assert found == EXPECTED
    assert monitored.rows("select * from landing.dead_letters") == []
