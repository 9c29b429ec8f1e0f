"""One history of pull requests and deployments, told by GitHub's webhooks, fetched from its API, or both: one result.

Only what tells of the way may differ: when it was received, and whether a delivery told of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.delivery_payloads import Delivery, PullRequest, at, github_deployment, land
from tests.dbt.fetched_rows import fetch_deployment, fetch_pull_request, fetch_repository
from tests.marts import build_marts, marts_database, of_silent_vendors

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
TABLES = (
    "events.pull_requests",
    "events.pr_events",
    "events.cicd_events",
    "cycles.pr_cycles",
    "cycles.deployment_records",
    "cycles.deployment_changes",
)
# What tells of the way and not of the event.
OF_THE_WAY = {"received_at", "is_inferred", "landing_id", "last_landing_id", "revision"}

REPOSITORY = "acme-core/pay"
DRAFT = PullRequest(1, "feature/PAY-1-retry", at("09:00"), labels=("Bug",))
HOTFIX = PullRequest(2, "hotfix/PAY-2-null", at("09:00", 1), author="second")
ABANDONED = PullRequest(3, "PAY-3-idea", at("10:00", 1), author=None)
REVIEWS = [
    DRAFT.reviewed("early", "changes_requested", at("11:00")),
    DRAFT.reviewed("early", "approved", at("12:00"), head="head-2"),
    DRAFT.reviewed("helper", "commented", at("12:10"), head="head-2", kind="Bot"),
]
DRAFT_MERGED = DRAFT.told("closed", at("13:00"), head="head-2", merged=at("13:00"), size=20)
HOTFIX_REVIEW = HOTFIX.reviewed("early", "commented", at("10:00", 1))
HOTFIX_MERGED = HOTFIX.told("closed", at("14:00", 1), merged=at("14:00", 1))
ABANDONED_CLOSED = ABANDONED.told("closed", at("09:00", 2), closed=at("09:00", 2))


def deployed(number: int, commit: str, created: datetime, end: str) -> list[Delivery]:
    """A deployment from its creation to its end, five minutes later."""
    moments = [created + timedelta(minutes=minutes) for minutes in (1, 5)]
    return [
        github_deployment(REPOSITORY, number, commit, created),
        github_deployment(REPOSITORY, number, commit, created, "in_progress", moments[0]),
        github_deployment(REPOSITORY, number, commit, created, end, moments[1]),
    ]


DEPLOYMENTS = [
    deployed(11, DRAFT.merge_sha, at("15:00"), "success"),
    deployed(12, HOTFIX.merge_sha, at("15:00", 1), "error"),
    deployed(13, HOTFIX.merge_sha, at("16:00", 1), "success"),
]


def deliveries() -> list[Delivery]:
    """The history as webhooks tell it."""
    return [
        DRAFT.created_branch(at("08:30")),
        DRAFT.told("opened", at("09:00"), draft=True),
        DRAFT.told("ready_for_review", at("10:00")),
        REVIEWS[0],
        DRAFT.told("synchronize", at("11:30"), head="head-2", size=20),
        *REVIEWS[1:],
        DRAFT_MERGED,
        *DEPLOYMENTS[0],
        HOTFIX.told("opened", at("09:00", 1)),
        HOTFIX_REVIEW,
        ABANDONED.told("opened", at("10:00", 1)),
        HOTFIX_MERGED,
        *DEPLOYMENTS[1],
        *DEPLOYMENTS[2],
        ABANDONED_CLOSED,
    ]


def fetch(engine: Engine) -> None:
    """The same history as a fetch finds it afterwards."""
    fetch_repository(engine, REPOSITORY)
    fetch_pull_request(engine, DRAFT, DRAFT_MERGED, reviews=REVIEWS, first_commit_at=at("08:30"), ready_at=at("10:00"))
    fetch_pull_request(engine, HOTFIX, HOTFIX_MERGED, reviews=[HOTFIX_REVIEW])
    fetch_pull_request(engine, ABANDONED, ABANDONED_CLOSED)
    for created, *statuses in DEPLOYMENTS:
        fetch_deployment(engine, created, statuses)


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = make_engine(database_url(settings))
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def by_webhook(engine: Engine, settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """The tables when webhooks alone have told the history."""
    start_again(engine)
    land(engine, deliveries())
    build(settings, full_refresh=True)
    return rows(engine, OF_THE_WAY)


@pytest.fixture
def company(engine: Engine, by_webhook: object) -> Engine:
    """A technology stream whose lead time begins with the first commit, and nothing told yet."""
    start_again(engine)
    return engine


def start_again(engine: Engine) -> None:
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(
            text(
                """
                insert into config.tech_streams
                    (stream_id, name, display_name, github_org, github_install_id, lead_time_method)
                values ('00000000-0000-0000-0000-00000000000c', 'core', 'Core', 'acme-core', '1', 'first_commit');
                insert into config.jira_projects (jira_project_key) values ('PAY');
                """
            )
        )


def build(settings: Settings, *, full_refresh: bool = False) -> None:
    models, silent = ("+deployment_records", "+pr_cycles"), of_silent_vendors(settings)
    build_marts(settings, AS_OF, full_refresh=full_refresh, select=models, exclude=silent, command="run")


def rows(engine: Engine, without: set[str]) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with engine.connect() as connection:
        for table in TABLES:
            records = connection.execute(text(f"select to_jsonb(t) from {table} as t")).scalars()
            kept = [{name: value for name, value in record.items() if name not in without} for record in records]
            found[table] = sorted(kept, key=lambda record: json.dumps(record, sort_keys=True))
    return found


def test_the_history_is_the_one_that_was_meant(by_webhook: dict[str, list[dict[str, Any]]]) -> None:
    # Two ends and five of reviews and what they decided; two ends and a comment; opened and closed.
    assert len(by_webhook["events.pr_events"]) == 7 + 3 + 2
    assert len(by_webhook["events.cicd_events"]) == 6
    # From the first push at 08:30, or, where none is known, not at all, to the end of the deployment at 15:05.
    lead_times = {row["pr_number"]: row["lead_time_hrs"] for row in by_webhook["cycles.deployment_changes"]}
    assert lead_times == {1: pytest.approx(6 + 35 / 60), 2: None}


def test_webhooks_and_fetch_tell_the_same_events(
    company: Engine, settings: Settings, by_webhook: dict[str, list[dict[str, Any]]]
) -> None:
    fetch(company)
    build(settings, full_refresh=True)
    assert rows(company, OF_THE_WAY) == by_webhook


@pytest.mark.parametrize("first", ["fetch", "late half of the webhooks"])
def test_both_ways_together_count_once_in_any_order(
    company: Engine, settings: Settings, by_webhook: dict[str, list[dict[str, Any]]], first: str
) -> None:
    half = len(deliveries()) // 2
    steps: dict[str, Sequence[Callable[[], None]]] = {
        "fetch": (lambda: fetch(company), lambda: land(company, deliveries())),
        "late half of the webhooks": (
            lambda: land(company, deliveries()[half:]),
            lambda: fetch(company),
            lambda: land(company, deliveries()[:half]),
        ),
    }
    for number, step in enumerate(steps[first]):
        step()
        build(settings, full_refresh=number == 0)
    incremental = rows(company, {"revision"})
    assert rows(company, OF_THE_WAY) == by_webhook
    build(settings, full_refresh=True)
    assert rows(company, {"revision"}) == incremental


def test_what_is_fetched_again_replaces_what_was_fetched(company: Engine, settings: Settings) -> None:
    opened = HOTFIX.told("opened", at("09:00", 1))
    fetch_pull_request(company, HOTFIX, opened)
    fetch_deployment(company, DEPLOYMENTS[2][0], [])
    build(settings, full_refresh=True)
    fetch_pull_request(company, HOTFIX, HOTFIX_MERGED, reviews=[HOTFIX_REVIEW], load="1767800000.1")
    fetch_deployment(company, DEPLOYMENTS[2][0], DEPLOYMENTS[2][1:], load="1767800000.1")
    build(settings)
    incremental = rows(company, {"revision"})
    assert [row["event_type"] for row in incremental["events.cicd_events"]].count("deploy_completed") == 1
    assert [row["state"] for row in incremental["events.pull_requests"]] == ["merged"]
    build(settings, full_refresh=True)
    assert rows(company, {"revision"}) == incremental


def test_a_dismissed_approval_counts_no_more(company: Engine, settings: Settings) -> None:
    approval = DRAFT.reviewed("early", "approved", at("10:30"))
    again = DRAFT.reviewed("early", "approved", at("12:00"), head="head-2")
    land(company, [DRAFT.told("opened", at("09:00")), approval, again, DRAFT_MERGED])
    build(settings, full_refresh=True)
    land(company, [DRAFT.dismissed(approval, at("11:00"))])
    build(settings)
    with company.connect() as connection:
        approved_at = connection.execute(text("select approved_at from cycles.pr_cycles")).scalar_one()
        events = connection.execute(text("select count(*) from events.pr_events where event_type = 'approved'"))
        assert (approved_at, events.scalar_one()) == (at("12:00"), 2)

    # A fetch tells that it was dismissed, too.
    start_again(company)
    states = {approval.payload["review"]["id"]: "dismissed"}
    fetch_pull_request(company, DRAFT, DRAFT_MERGED, reviews=[approval, again], states=states)
    build(settings, full_refresh=True)
    with company.connect() as connection:
        assert connection.execute(text("select approved_at from cycles.pr_cycles")).scalar_one() == at("12:00")
