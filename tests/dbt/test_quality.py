"""Defects, the pulse, shared technology and what to mend: one story, worked out by hand, built on two days.

January 2026. On the 20th half of it had arrived; the late half and February's survey come before the 5th of February.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from ingestion.pipelines import prepare_raw_tables
from tests.conftest import empty_input_tables, make_database
from tests.dbt import delivery_payloads
from tests.dbt.jira_payloads import BLOCKING, CONFIGURATION, FOUND_IN, INTRODUCED_IN, Delivery, Ticket, land
from tests.marts import build_marts

FIRST_DAY = datetime(2026, 1, 20, 12, tzinfo=UTC)
LAST_DAY = datetime(2026, 2, 5, 12, tzinfo=UTC)
A_YEAR_LATER = datetime(2027, 2, 5, 12, tzinfo=UTC)
# What a full rebuild must give again, without the columns that say when a row was worked out.
TABLES = (
    "metrics.cross_stream_correlations",
    "metrics.daily_stream_metrics",
    "metrics.defect_stage_pairs",
    "metrics.pulse_aggregates",
    "quality.pull_request_links",
    "quality.quality_rates",
    "quality.triage",
)
# Of the rules that the platform comes with, those without a confidence: nobody has a sprint here.
SEVERITIES = """
    insert into config.bottleneck_severities (impacted_from, impacted_to, confidence_from_pct, severity)
    values (0, 0, null, 'none'), (1, 1, 70, 'low'), (2, null, 70, 'medium')
"""


def january(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def blocked_tickets() -> list[Delivery]:
    """Payments was blocked by auth on the 12th, until the 14th; identity on the 19th, which arrives late."""
    held_up = Ticket("PAY-1", january(12), tech=(), options={BLOCKING: "auth"})
    waiting = Ticket("IDN-1", january(12), stream="Identity", tech=(), options={BLOCKING: "auth"})
    return [
        held_up.made(),
        held_up.flagged(january(12, 10), "Impediment"),
        held_up.flagged(january(14), None),
        waiting.made(),
        waiting.flagged(january(19), "Impediment"),
    ]


def defects() -> list[Delivery]:
    """PAY-2 was found in UAT and reclassified from analysis to development; of PAY-3, found in test, nobody knows."""
    escaped = Ticket("PAY-2", january(13), ticket_type="Bug", options={FOUND_IN: "UAT"})
    caught = Ticket("PAY-3", january(13), ticket_type="Bug", options={FOUND_IN: "In QA"})
    return [
        escaped.made(),
        escaped.said(january(15), INTRODUCED_IN, "Analysis"),
        caught.made(),
        escaped.said(january(30), INTRODUCED_IN, "Development"),
    ]


def answers(month: int, people: str) -> list[delivery_payloads.Delivery]:
    return [
        delivery_payloads.Delivery(
            "push",
            "survey",
            {
                "survey_period": f"2026-0{month}",
                "delivery_stream": "payments",
                "respondent_hash": person,
                "pace_score": 4,
                "tooling_score": 3,
                "clarity_score": 2,
                "free_text": "The coffee is cold.",
                "submitted_at": datetime(2026, month, 3, tzinfo=UTC).isoformat(),
            },
            datetime(2026, month, 3, tzinfo=UTC),
        )
        for person in people
    ]


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    made = make_database(server, "dpp_quality")
    prepare_raw_tables(made)
    return made


@pytest.fixture(scope="module")
def company(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
        connection.execute(text(SEVERITIES))
        connection.execute(text("update config.delivery_streams set team_size = 6 where name = 'payments'"))
    told = blocked_tickets()
    land(engine, [*told[:4], *defects()[:3]])
    delivery_payloads.land(engine, answers(1, "abcd"))
    build(settings, FIRST_DAY, full_refresh=True)
    land(engine, [told[4], defects()[3]])
    delivery_payloads.land(engine, answers(2, "abc"))
    build(settings, LAST_DAY)
    yield engine
    engine.dispose()


def build(settings: Settings, as_of: datetime, *, full_refresh: bool = False) -> None:
    select = tuple(f"+{table.split('.')[1]}" for table in TABLES)
    build_marts(settings, as_of, full_refresh=full_refresh, select=select, command="run")


def found(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def everything(engine: Engine) -> dict[str, list[str]]:
    return {
        table: sorted(
            json.dumps(row[0], sort_keys=True)
            for row in found(engine, f"select to_jsonb(t) - 'computed_at' from {table} t")
        )
        for table in TABLES
    }


def test_a_reclassified_defect_counts_once_in_the_window_of_its_day(company: Engine) -> None:
    pairs = found(
        company,
        "select window_name, introduced_in_stage, found_in_stage, defect_count, unattributed_count"
        " from metrics.defect_stage_pairs where stream_type = 'all' order by window_days",
    )
    assert pairs == [("30d", "dev", "uat", 1, 1), ("90d", "dev", "uat", 1, 1)]
    rates = found(
        company,
        """
        select metric_name, round(metric_value), sample_size
        from metrics.daily_stream_metrics
        where
            stream_type = 'all' and metric_date = '2026-02-05' and window_name = '30d'
            and metric_name in ('defect_escape_rate', 'defect_origin_unknown')
        order by metric_name
        """,
    )
    assert rates == [("defect_escape_rate", 50, 2), ("defect_origin_unknown", 50, 2)]


def test_each_day_of_a_shared_technology_is_kept_and_late_blocks_land_where_they_belong(company: Engine) -> None:
    days = found(
        company,
        """
        select analysis_date, cardinality(impacted_delivery_streams), cardinality(blocked_delivery_streams), severity
        from metrics.cross_stream_correlations
        inner join config.tech_streams on tech_stream_id = stream_id
        where name = 'auth' and analysis_date in ('2026-01-12', '2026-01-14', '2026-01-20', '2026-02-01', '2026-02-05')
        order by analysis_date
        """,
    )
    assert days == [
        (date(2026, 1, 12), 1, 1, "low"),
        (date(2026, 1, 14), 1, 0, "low"),
        (date(2026, 1, 20), 2, 1, "medium"),
        (date(2026, 2, 1), 1, 1, "low"),
        (date(2026, 2, 5), 0, 0, "none"),
    ]


def test_three_answers_of_six_people_are_a_rate_and_no_average(company: Engine) -> None:
    periods = found(
        company,
        "select survey_period, response_rate_pct, overall_avg, is_suppressed from metrics.pulse_aggregates order by 1",
    )
    assert periods == [("2026-01", Decimal("66.67"), 3, False), ("2026-02", Decimal("50.00"), None, True)]
    # February may still be answered, so January's pulse is the one that stands.
    assert found(company, "select metric_date, metric_value from metrics.daily_stream_metrics"
                 " where metric_name = 'team_pulse'") == [(date(2026, 1, 1), 3)]  # fmt: skip


def test_no_mart_holds_what_somebody_wrote(company: Engine) -> None:
    rows = found(
        company,
        "select table_schema || '.' || table_name from information_schema.columns where column_name = 'free_text'"
        " and table_schema in ('cycles', 'metrics', 'quality', 'forecast')",
    )
    assert rows == []
    assert not any("coffee" in row for rows in everything(company).values() for row in rows)


def test_what_was_built_on_two_days_is_what_a_full_rebuild_gives(company: Engine, settings: Settings) -> None:
    on_two_days = everything(company)
    assert all(on_two_days[table] for table in TABLES if table != "quality.pull_request_links")
    build(settings, LAST_DAY, full_refresh=True)
    assert on_two_days == everything(company)


def test_averages_outlive_the_answers_that_are_deleted_after_a_year(company: Engine, settings: Settings) -> None:
    before = found(company, "select to_jsonb(t) from metrics.pulse_aggregates t order by survey_period")
    with company.begin() as connection:
        connection.execute(text("delete from landing.raw_events where event_name = 'survey'"))
    build_marts(
        settings, A_YEAR_LATER, full_refresh=True, select=("pulse_responses", "pulse_aggregates"), command="run"
    )
    assert found(company, "select count(*) from events.pulse_responses") == [(0,)]
    assert found(company, "select to_jsonb(t) from metrics.pulse_aggregates t order by survey_period") == before
