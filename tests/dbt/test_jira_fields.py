"""A company that has nothing but Jira: its four DORA metrics come from the dates that people fill into tickets.

January 2026, small enough to be worked out by hand; the marts are built as of Sunday, 1 February. Payments and Identity
are delivery streams, Core API and Auth technology streams. No repository, no pipeline, no monitoring.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import Delivery, iso, land
from tests.marts import build_marts, marts_database, of_silent_vendors

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
FIELDS = {
    "delivery_stream": "customfield_10001",
    "tech_streams": "customfield_10002",
    "deployment_date": "customfield_10010",
    "target_environment": "customfield_10011",
    "code_commit_date": "customfield_10012",
    "deployed_to_production_date": "customfield_10013",
    "incident_detected_at": "customfield_10014",
    "incident_resolved_at": "customfield_10015",
    "deployment_successful": "customfield_10016",
    "production_impact": "customfield_10017",
}
CONFIGURATION = """
    insert into config.delivery_streams (name, display_name) values ('payments', 'Payments'), ('identity', 'Identity');
    insert into config.tech_streams (name, display_name, github_org, github_install_id)
    values ('core-api', 'Core API', 'acme-core', '1'), ('auth', 'Auth', 'acme-auth', '2');
    insert into config.jira_projects (jira_project_key) values ('PAY'), ('OPS');
"""
# What a rebuild must give row for row; without `revision`, which counts builds.
TABLES = (
    "staging.stg_jira__mapped_fields",
    "staging.stg_jira__mapped_fields_latest",
    "staging.stg_jira__deployments",
    "staging.stg_jira__incidents",
    "events.cicd_events",
    "events.incident_events",
    "cycles.deployment_records",
    "cycles.deployment_changes",
    "cycles.incident_records",
    "metrics.daily_stream_metrics",
)


def january(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@dataclass
class Ticket:
    """A ticket whose fields people fill in one after another; each change is a delivery."""

    number: int
    key: str
    stream: str = "Payments"
    tech: tuple[str, ...] = ("core-api",)
    created: datetime = field(default_factory=lambda: january(3))
    values: dict[str, Any] = field(default_factory=dict)
    last_change: datetime = field(default_factory=lambda: january(3))

    def fields(self) -> dict[str, Any]:
        """The vendor's `fields`: every field is there, empty or not."""
        filled = dict.fromkeys(FIELDS.values()) | {
            FIELDS[name]: iso(value) if isinstance(value, datetime) else value and {"value": value}
            for name, value in self.values.items()
        }
        return filled | {
            "created": iso(self.created),
            "updated": iso(self.last_change),
            "status": {"name": "To Do"},
            "issuetype": {"name": "Story"},
            "project": {"key": self.key.partition("-")[0]},
            FIELDS["delivery_stream"]: {"value": self.stream},
            FIELDS["tech_streams"]: [{"value": name} for name in self.tech],
        }

    def filled(self, moment: datetime, event: str = "jira:issue_updated", **values: Any) -> Delivery:
        """Somebody fills fields in, or clears them with None."""
        self.values |= values
        self.last_change = moment
        payload = {
            "timestamp": int(moment.timestamp() * 1000),
            "webhookEvent": event,
            "issue": {"id": str(self.number), "key": self.key, "fields": self.fields()},
        }
        return Delivery(f"{self.number}/{event}/{moment.isoformat()}", event, moment, payload)


def tickets() -> list[Ticket]:
    auth = ("auth",)
    return [
        Ticket(101, "PAY-1"),
        Ticket(102, "PAY-2", "Identity", ("core-api", "auth")),
        Ticket(103, "PAY-3"),
        Ticket(104, "PAY-4"),
        Ticket(105, "PAY-5"),
        Ticket(106, "PAY-6"),
        Ticket(201, "OPS-1"),
        Ticket(202, "OPS-2", "Identity", auth),
    ]


def story(company: Sequence[Ticket]) -> list[Delivery]:
    """Four deployments to production, one to staging, one attempt, two incidents."""
    quick, shared, failed, blamed, staged, attempt, outage, other_outage = company
    told = [ticket.filled(ticket.created, "jira:issue_created") for ticket in company]
    told += [
        # 24 hours from commit to production. The first date was a mistake.
        quick.filled(january(5, 8), code_commit_date=january(4, 9), deployed_to_production_date=january(4, 12)),
        quick.filled(january(5, 9, 5), deployed_to_production_date=january(5, 9)),
        # 12 hours; the environment is named, as this team calls it.
        shared.filled(
            january(10, 18, 5),
            code_commit_date=january(10, 6),
            deployment_date=january(10, 18),
            target_environment="Live",
        ),
        # 48 hours; it reached production and failed there.
        failed.filled(january(17, 1), code_commit_date=january(15), deployed_to_production_date=january(17)),
        failed.filled(january(17, 3), deployment_successful="No"),
        # 6 hours; half an hour later the service is down.
        blamed.filled(january(20, 10, 5), code_commit_date=january(20, 4), deployed_to_production_date=january(20, 10)),
        outage.filled(january(20, 10, 40), incident_detected_at=january(20, 10, 30), production_impact="High"),
        outage.filled(january(20, 12, 5), incident_resolved_at=january(20, 12)),
        staged.filled(january(21, 9), deployment_date=january(21, 8), target_environment="Staging"),
        # Never got to production.
        attempt.filled(january(22, 9), deployment_date=january(22, 8), deployment_successful="Failed"),
        # Nothing was deployed in the hour before.
        other_outage.filled(
            january(25, 9), incident_detected_at=january(25, 8), incident_resolved_at=january(25, 8, 30)
        ),
    ]
    return told


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    made = marts_database(server)
    build_marts(made, AS_OF, command="seed")
    return made


@pytest.fixture
def company(settings: Settings) -> Iterator[Engine]:
    """Streams and mappings, no deliveries yet."""
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
        for name, jira_field in FIELDS.items():
            connection.execute(
                text("insert into config.field_mappings (internal_field, jira_field_id) values (:name, :field)"),
                {"name": name, "field": jira_field},
            )
    yield engine
    engine.dispose()


def build(settings: Settings, *, full_refresh: bool = False, events_only: bool = False) -> None:
    """The first build of a test is a full one: tables of the test before are there."""
    select = ["+cicd_events", "+incident_events"] if events_only else ["+current_metrics"]
    silent = of_silent_vendors(settings, "git", "github", "push")
    build_marts(settings, AS_OF, full_refresh=full_refresh, select=select, exclude=silent, command="run")


def change(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def found(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def everything(engine: Engine, *, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Every row of every table, in an order of its own."""
    rows = {}
    for table in TABLES:
        records = (row[0] for row in found(engine, f"select to_jsonb(t) from {table} as t"))
        kept = [{k: v for k, v in record.items() if k not in ("revision", *without)} for record in records]
        rows[table] = sorted(json.dumps(record, sort_keys=True) for record in kept)
    return rows


def metrics(engine: Engine, stream: str = "all") -> dict[str, Decimal | None]:
    """The metrics of the last 30 days."""
    rows = found(
        engine,
        f"""
        select metric_name, round(metric_value, 2)
        from metrics.current_metrics
        inner join metrics.stream_list using (stream_type, stream_id)
        where name = '{stream}' and window_name = '30d'
            and metric_name in ('deployment_frequency', 'change_failure_rate', 'change_failure_rate_completed',
                'lead_time_p50', 'ttr_median')
        """,
    )
    return dict(rows)


def numbers(frequency: str, failed: str, failed_completed: str, lead_time: str, restore: str | None) -> dict[str, Any]:
    return {
        "deployment_frequency": Decimal(frequency),
        "change_failure_rate": Decimal(failed),
        "change_failure_rate_completed": Decimal(failed_completed),
        "lead_time_p50": Decimal(lead_time),
        "ttr_median": None if restore is None else Decimal(restore),
    }


# Five deployments to production: three good ones in 30 days are 0.7 a week, two of the five failed, two of the four
# that arrived; 24, 12, 48 and 6 hours have the median 18; 90 and 30 minutes have the median 60.
ALL = numbers("0.70", "40.00", "50.00", "18.00", "60.00")
STREAMS = {
    # PAY-1, 3, 4 and the attempt of PAY-6; OPS-1.
    "payments": numbers("0.47", "50.00", "66.67", "24.00", "90.00"),
    # PAY-2; OPS-2.
    "identity": numbers("0.23", "0.00", "0.00", "12.00", "30.00"),
    # All of them but OPS-2.
    "core-api": numbers("0.70", "40.00", "50.00", "18.00", "90.00"),
    # PAY-2 touches it, too; OPS-2.
    "auth": numbers("0.23", "0.00", "0.00", "12.00", "30.00"),
}


def assert_the_numbers_are_right(engine: Engine) -> None:
    assert metrics(engine) == ALL
    assert {name: metrics(engine, name) for name in STREAMS} == STREAMS


def test_webhooks_alone_give_the_four_metrics_whatever_the_order_of_arrival(
    company: Engine, settings: Settings
) -> None:
    told = story(tickets())
    random.Random(7).shuffle(told)
    land(company, told[:9])
    build(settings, full_refresh=True, events_only=True)
    land(company, [*told[9:], told[2], told[12]])
    build(settings)

    assert_the_numbers_are_right(company)
    caused = "select linked_ticket_id, status, incident_id from cycles.deployment_records order by 1"
    assert found(company, caused) == [
        ("PAY-1", "success", None),
        ("PAY-2", "success", None),
        ("PAY-3", "rolled_back", None),
        ("PAY-4", "success", "OPS-1"),
        ("PAY-5", "success", None),
        ("PAY-6", "failed", None),
    ]
    in_two_builds = everything(company)
    build(settings, full_refresh=True)
    assert in_two_builds == everything(company)


def fetch(engine: Engine, ticket: Ticket, load_id: str) -> None:
    """Store the ticket as the Jira source does, in place of what was fetched before."""
    with engine.begin() as connection:
        connection.execute(text("delete from raw_jira.issues where id = :id"), {"id": str(ticket.number)})
        connection.execute(
            text(
                """
                insert into raw_jira.issues (id, key, updated_at, fields, _dlt_load_id, _dlt_id)
                values (cast(:id as text), :key, :updated_at, cast(:fields as jsonb), :load_id, cast(:id as text))
                """
            ),
            {
                "id": str(ticket.number),
                "key": ticket.key,
                "updated_at": ticket.last_change,
                "fields": json.dumps(ticket.fields()),
                "load_id": load_id,
            },
        )


def test_fetched_tickets_give_the_same_and_what_people_take_back_is_gone(company: Engine, settings: Settings) -> None:
    known = tickets()
    story(known)
    for ticket in known:
        fetch(company, ticket, "1")
    build(settings, full_refresh=True)
    assert_the_numbers_are_right(company)

    quick, shared, failed, blamed, _, _, outage, _ = known
    # The date of PAY-1 is cleared; PAY-2 moves to the other project; PAY-3 is deleted in Jira, which the reconciliation
    # finds; the impact of OPS-1 turns out to be none; a webhook says that PAY-4 was deleted.
    quick.filled(january(30, 9), deployed_to_production_date=None)
    shared.key = "OPS-9"
    shared.filled(january(30, 10))
    outage.filled(january(30, 11), production_impact="None")
    for ticket in (quick, shared, outage):
        fetch(company, ticket, "2")
    change(
        company,
        f"""
        insert into raw_jira.tombstones (id, key, state, observed_at, _dlt_load_id, _dlt_id)
        values ('{failed.number}', '{failed.key}', 'deleted', '2026-01-30T12:00:00Z', '2', '1')
        """,
    )
    land(company, [blamed.filled(january(30, 13), "jira:issue_deleted")])
    build(settings)

    assert found(company, "select pipeline_run_id, environment from events.cicd_events order by 1") == [
        ("OPS-9", "production"),
        ("PAY-5", "staging"),
        ("PAY-6", "production"),
    ]
    assert found(company, "select distinct incident_id from events.incident_events") == [("OPS-2",)]
    # One good deployment of two attempts; the incident that is left took 30 minutes.
    assert metrics(company) == numbers("0.23", "0.00", "0.00", "12.00", "30.00")
    corrected = everything(company)
    build(settings, full_refresh=True, events_only=True)
    assert corrected == everything(company)


def test_another_mapping_reads_the_tickets_anew_and_a_check_rebuilds_nothing(
    company: Engine, settings: Settings
) -> None:
    land(company, story(tickets()))
    build(settings, full_refresh=True, events_only=True)
    read = "select max(revision) from staging.stg_jira__issue_events"
    mapped = "select max(revision) from staging.stg_jira__mapped_fields"
    before = found(company, read), found(company, mapped)

    # What `dpp jira check` writes.
    change(
        company,
        """
        update config.field_mappings
        set jira_field_name = 'A', jira_field_type = 'select', problem = 'B', checked_at = now()
        """,
    )
    build(settings, events_only=True)
    assert (found(company, read), found(company, mapped)) == before

    # Deployments come from the one date that is left; what other models read of the tickets stays.
    change(company, "delete from config.field_mappings where internal_field = 'deployed_to_production_date'")
    build(settings, events_only=True)
    assert found(company, "select pipeline_run_id from events.cicd_events order by 1") == [
        ("PAY-2",),
        ("PAY-5",),
        ("PAY-6",),
    ]
    assert found(company, read) == before[0]
    assert found(company, mapped) > before[1]

    change(company, "delete from config.field_mappings where internal_field not in ('delivery_stream', 'tech_streams')")
    build(settings, events_only=True)
    for table in ("staging.stg_jira__mapped_fields", "events.cicd_events", "events.incident_events"):
        assert found(company, f"select count(*) from {table}") == [(0,)]


def test_the_days_of_the_story_are_in_the_window() -> None:
    moments = [delivery.received_at for delivery in story(tickets())]
    assert min(moments) >= AS_OF - timedelta(days=30)
