"""Pull requests, deployments, outages and the numbers made of them: in any order of arrival, what the reference says.

A whole company is generated, its deliveries shuffled, doubled and dealt out over builds. What stands in the marts is
what a full rebuild gives, row for row, and what the Python reference computes from the logs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.jira_payloads import CONFIGURATION
from tests.marts import build_marts, marts_database
from tests.properties import delivery_lives
from tests.properties.company import Company, land
from tests.properties.examples import SEEDS, a_few_examples, dealt_out, lives
from tests.properties.reference.business_time import Calendar
from tests.properties.reference.delivery import hours, pull_request_facts
from tests.properties.reference.windows import METRICS, Number, number

BEGINS, ENDS = datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)
# How long before the end the days lie that are looked at.
DAYS_BACK = (0, 1, 13, 45)
WINDOWS = (7, 30, 90)
ZONES = ("Africa/Cairo", "Pacific/Auckland")
# Columns that say in which build a row was written.
TECHNICAL = frozenset({"revision", "computed_at"})


@pytest.fixture(scope="module")
def server_settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture(scope="module")
def engine_(server_settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(server_settings))
    build_marts(server_settings.model_copy(update={"timezone": ZONES[0]}), ENDS, command="seed")
    yield engine
    engine.dispose()


@a_few_examples(usual=1)
@given(
    tickets=lives(40),
    pull_requests=lives(50),
    runs=lives(50),
    signs=lives(30),
    zone=st.sampled_from(ZONES),
    order=SEEDS,
)
def test_what_became_of_a_company_is_what_the_reference_says(
    engine_: Engine,
    server_settings: Settings,
    tickets: list[int],
    pull_requests: list[int],
    runs: list[int],
    signs: list[int],
    zone: str,
    order: int,
) -> None:
    settings = server_settings.model_copy(update={"timezone": zone})
    company = Company(
        tickets=tickets,
        pull_requests=pull_requests,
        runs=runs,
        signs=signs,
        begins=BEGINS,
        ends=ENDS,
        calendar=Calendar(ZoneInfo(zone), frozenset()),
    )
    assume(company.is_eventful)
    with engine_.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
        connection.execute(text("truncate config.holidays"))
        connection.execute(text(delivery_lives.CONFIGURATION))

    for place, arrived in enumerate(dealt_out(company.deliveries, order, builds=2)):
        land(engine_, arrived)
        build(settings, full_refresh=place == 0)
    in_steps = everything(engine_)
    assert_pull_requests(engine_, company)
    assert_deployments(engine_, company)
    assert_outages(engine_, company)
    assert_numbers(engine_, company)

    build(settings, full_refresh=True)
    rebuilt = everything(engine_)
    assert in_steps.keys() == rebuilt.keys()
    for table, rows in rebuilt.items():
        assert in_steps[table] == rows, table


def build(settings: Settings, *, full_refresh: bool) -> None:
    build_marts(settings, ENDS, full_refresh=full_refresh, select=("+daily_stream_metrics",), command="run")


def found(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query))]


def everything(engine: Engine) -> dict[str, list[str]]:
    """Every row of every event, cycle and metric, in an order of its own."""
    tables = found(
        engine,
        """
        select schemaname || '.' || tablename as name
        from pg_tables where schemaname in ('events', 'cycles', 'metrics') order by name
        """,
    )
    return {
        table["name"]: sorted(
            json.dumps({k: v for k, v in row["row"].items() if k not in TECHNICAL}, sort_keys=True)
            for row in found(engine, f"select to_jsonb(t) as row from {table['name']} as t")
        )
        for table in tables
    }


def near(said: Any, meant: Any, tolerance: float = 1e-5) -> bool:
    if said is None or meant is None:
        return said is meant
    return abs(float(said) - float(meant)) <= tolerance


def assert_pull_requests(engine: Engine, company: Company) -> None:
    rows = {(row["repo_full_name"], row["pr_number"]): row for row in found(engine, "select * from cycles.pr_cycles")}
    ended = {(log.repo, log.number): log for log in company.pull_requests if log.ended_at}
    assert rows.keys() == ended.keys()
    for key, log in ended.items():
        row, facts = rows[key], pull_request_facts(log)
        told = (
            row["opened_at"], row["merged_at"], row["first_review_at"], row["approved_at"], row["review_rounds"],
            row["reviewer_count"], row["rework_cycles"],
        )  # fmt: skip
        assert told == (
            log.opened_at, log.merged_at, facts.first_review_at, facts.approved_at, facts.review_rounds,
            facts.reviewer_count, facts.rework_cycles,
        ), log  # fmt: skip
        linked = company.tickets.get(log.ticket or "")
        assert row["linked_ticket_id"] == (linked.key if linked else None), log
        to_merge = hours(log.opened_at, log.merged_at) if log.merged_at else None
        assert near(row["time_to_merge_hrs"], to_merge), log
        answered = hours(log.ready_at, facts.first_review_at) if log.ready_at and facts.first_review_at else None
        assert near(row["time_to_first_review_hrs"], answered), log


def assert_deployments(engine: Engine, company: Company) -> None:
    rows = {row["deployment_id"]: row for row in found(engine, "select * from cycles.deployment_records")}
    carried: dict[Any, set[tuple[str, int, str]]] = {}
    for change in found(engine, "select * from cycles.deployment_changes"):
        lead_time = f"{change['lead_time_hrs']:.4f}"
        key = (change["repo_full_name"], change["pr_number"], lead_time)
        carried.setdefault(change["record_id"], set()).add(key)
    assert rows.keys() == {f"deploy/{run}" for run in company.deployments}
    for run, facts in company.deployments.items():
        row = rows[f"deploy/{run}"]
        expected = {
            (change.repo, change.number, f"{hours(change.opened_at, facts.log.at):.4f}") for change in facts.changes
        }
        assert carried.get(row["record_id"], set()) == expected, facts
        told = (row["status"], row["rollback_at"], row["caused_incident"], row["change_count"], row["is_rework"])
        is_rework = any(change.is_hotfix for change in facts.changes) or deploys_a_hotfix(company, run)
        meant = (facts.status, facts.rollback_at, facts.caused_incident, len(facts.changes), is_rework)
        assert told == meant, facts


def deploys_a_hotfix(company: Company, run: str) -> bool:
    """Whether the commit that was deployed to production merged a hotfix."""
    log = company.deployments[run].log
    return log.is_live_in_production and any(
        p.is_hotfix
        for p in company.pull_requests
        if p.merged_at and p.repo == log.repo and p.merge_commit == log.commit
    )


def assert_outages(engine: Engine, company: Company) -> None:
    names = {row["record_id"]: row["deployment_id"] for row in found(engine, "select * from cycles.deployment_records")}
    rows = {frozenset(row["incident_ids"]): row for row in found(engine, "select * from cycles.incident_records")}
    expected = {frozenset(one.incident_id for one in outage.members): outage for outage in company.outages}
    assert rows.keys() == expected.keys()
    for members, outage in expected.items():
        row = rows[members]
        assert (row["opened_at"], row["resolved_at"]) == (outage.opened_at, outage.resolved_at), outage
        assert near(row["time_to_restore_min"], outage.minutes_to_restore, 1e-3), outage
        cause = names.get(row["related_record_id"])
        assert cause == (outage.cause and f"deploy/{outage.cause}"), outage


def assert_numbers(engine: Engine, company: Company) -> None:
    newest = company.calendar.day_of(ENDS)
    rows = {
        (row["name"], row["metric_name"], row["window_days"], row["metric_date"]): row
        for row in found(
            engine,
            """
            select *
            from metrics.daily_stream_metrics
            inner join metrics.stream_list using (stream_type, stream_id)
            where segment is null and window_name = window_days || 'd'
            """,
        )
    }
    for stream in ("all", "payments", "identity", "core-api", "auth"):
        for days_back in DAYS_BACK:
            day = newest - timedelta(days=days_back)
            for metric in METRICS:
                for window in WINDOWS:
                    key = (stream, metric, window, day)
                    meant, row = number(metric, company.observations, stream, day, window), rows.get(key)
                    if row is None:
                        # Of what was never heard of there is no row.
                        assert meant == Number(None, 0, 0), key
                        continue
                    assert near(row["metric_value"], meant.value, 2e-3), (key, row["metric_value"], meant)
                    said = (row["sample_size"], row["excluded_count"])
                    assert said == (meant.sample_size, meant.excluded_count), (key, said, meant)
