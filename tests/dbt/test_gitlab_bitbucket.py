"""One history of a GitLab project and of a Bitbucket repository by webhooks, by REST, or by both: one result.

The webhooks lie in the inbox as the front door stores them; the fetch is the real source against a server on loopback.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core import clock
from core.database import database_url, make_engine
from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.sources.bitbucket.pull import pull_bitbucket
from ingestion.sources.gitlab.pull import pull_gitlab
from tests.conftest import empty_input_tables
from tests.dbt import gitlab_bitbucket_history as history
from tests.dbt.delivery_payloads import Delivery, at, land
from tests.ingestion.sources.bitbucket.server import BitbucketServer, Repo
from tests.ingestion.sources.gitlab.server import GitLabServer, Project
from tests.ingestion.sources.vendor_server import TOKEN
from tests.marts import build_marts, marts_database

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
TABLES = ("events.pr_events", "events.cicd_events", "cycles.pr_cycles")
# What tells of the way and not of the event.
OF_THE_WAY = {"received_at", "is_inferred", "landing_id", "last_landing_id", "revision"}
# What the vendors' webhooks do not say at all: sizes, and when the oldest commit was written.
NOT_IN_WEBHOOKS = {
    "lines_added",
    "lines_removed",
    "files_changed",
    "comments_count",
    "lines_changed",
    "first_commit_at",
}
# GitLab's end of a deployment does not say when it began.
NOT_IN_GITLAB = NOT_IN_WEBHOOKS | {"duration_seconds"}
# Bitbucket shortens commits of merges, and a commit's status does not say what set the pipeline off.
NOT_IN_BITBUCKET = NOT_IN_WEBHOOKS | {"merge_commit_sha", "trigger_type"}


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    made = marts_database(server)
    made.secrets_path.mkdir(parents=True, exist_ok=True)
    for name in ("gitlab_token", "bitbucket_token"):
        (made.secrets_path / name).write_text(TOKEN)
    return made


@pytest.fixture(scope="module")
def company(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings))
    start_again(engine)
    yield engine
    engine.dispose()


def start_again(engine: Engine) -> None:
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(
            text(
                """
                insert into config.tech_streams (stream_id, name, display_name, github_org, github_install_id)
                values ('00000000-0000-0000-0000-0000000000c0', 'core', 'Core', 'acme', '-');
                insert into config.jira_projects (jira_project_key) values ('PAY');
                """
            )
        )


def deliver(engine: Engine, settings: Settings, source: str, deliveries: Iterable[tuple[str, datetime, Any]]) -> None:
    """Land deliveries as the front door does: without the people in them."""
    pseudonymiser = Pseudonymiser(secrets_for(settings).get("pseudonym_key"))
    land(engine, [Delivery(source, name, pseudonymiser.clean(payload), moment) for name, moment, payload in deliveries])


def fetch(settings: Settings) -> None:
    """Both histories by the real sources, from servers that behave like the vendors'."""
    with GitLabServer(Project(2, history.PROJECT, **history.gitlab_project_over_rest())) as server:
        pull_gitlab(settings.model_copy(update={"gitlab_url": server.url, "gitlab_groups": ("acme",)}))
    with BitbucketServer(Repo(history.REPOSITORY, "{repo-1}", **history.bitbucket_repository_over_rest())) as server:
        pull_bitbucket(
            settings.model_copy(update={"bitbucket_api_url": server.address, "bitbucket_workspaces": ("acme",)})
        )


def build(settings: Settings, *, full_refresh: bool = False) -> None:
    build_marts(settings, AS_OF, full_refresh=full_refresh, select=("+cicd_events", "+pr_cycles"), command="run")


def rows(engine: Engine, without: set[str]) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with engine.connect() as connection:
        for table in TABLES:
            records = connection.execute(text(f"select to_jsonb(t) from {table} as t")).scalars()
            kept = [{name: value for name, value in record.items() if name not in without} for record in records]
            found[table] = sorted(kept, key=lambda record: json.dumps(record, sort_keys=True))
    return found


def told(engine: Engine, query: str, source: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), {"source": source})]


CYCLES = """
    select cycles.pr_number, cycles.state, cycles.linked_ticket_id, review_rounds, reviewer_count, rework_cycles,
        time_to_first_review_hrs, time_to_merge_hrs
    from cycles.pr_cycles as cycles
    inner join events.pull_requests using (repo_full_name, pr_number)
    where source = :source
    order by pr_number
"""
PLACED = """
    select pull_requests.github_org, github_repo, tech_streams.name, merge_commit_sha
    from events.pull_requests
    inner join config.tech_streams on tech_stream_id = stream_id
    where pr_number = 1 and source = :source
"""
BUILDS = """
    select event_type, environment, status, linked_pr_number, to_char(event_timestamp at time zone 'UTC', 'HH24:MI')
    from events.cicd_events
    where source = :source
    order by event_timestamp
"""


@pytest.fixture(scope="module")
def by_webhook(company: Engine, settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """What both histories give by webhooks alone; the tests below go on from there, in their order."""
    with clock.stopped_at(at("12:00", 5)):
        deliver(company, settings, "gitlab", history.gitlab_deliveries())
        deliver(company, settings, "bitbucket", history.bitbucket_deliveries())
        build(settings, full_refresh=True)
    return rows(company, OF_THE_WAY)


@pytest.mark.usefixtures("by_webhook")
def test_the_history_of_the_gitlab_project_has_the_numbers_that_one_counts_by_hand(company: Engine) -> None:
    # Ready at 10:00, first looked at at 10:30; a comment, a request for changes and two approvals.
    assert told(company, CYCLES, "gitlab") == [
        (1, "merged", "PAY-1", 4, 2, 1, 0.5, 4),
        (2, "closed", "PAY-2", 0, 0, 0, None, None),
    ]
    assert told(company, PLACED, "gitlab") == [("acme/shop", "web", "core", history.MERGE)]
    assert told(company, BUILDS, "gitlab") == [
        ("build_completed", "ci", "failure", None, "12:31"),
        ("build_completed", "ci", "success", 1, "13:10"),
        ("deploy_started", "production", "running", 1, "13:11"),
        ("deploy_completed", "production", "success", 1, "13:20"),
        ("deploy_started", "production", "running", 1, "13:25"),
        ("deploy_failed", "production", "failure", 1, "13:26"),
    ]


@pytest.mark.usefixtures("by_webhook")
def test_the_history_of_the_bitbucket_repository_has_the_numbers_that_one_counts_by_hand(company: Engine) -> None:
    # Opened ready at 09:00, first looked at at 10:30; a comment, a request for changes and two approvals.
    assert told(company, CYCLES, "bitbucket") == [
        (1, "merged", "PAY-1", 4, 2, 1, 1.5, 4),
        (2, "closed", "PAY-2", 0, 0, 0, None, None),
    ]
    assert told(company, PLACED, "bitbucket") == [("acme", "pay", "core", history.MERGE[:12])]
    assert told(company, BUILDS, "bitbucket") == [("build_completed", "ci", "success", 1, "13:10")]


def test_webhooks_and_fetch_tell_the_same_events(
    company: Engine, settings: Settings, by_webhook: dict[str, list[dict[str, Any]]]
) -> None:
    with clock.stopped_at(at("12:00", 5)):
        # What was delivered is fetched too, and the next build makes nothing twice of it.
        fetch(settings)
        build(settings)
        both_ways = rows(company, OF_THE_WAY)
        assert comparable(both_ways) == comparable(by_webhook)
        build(settings, full_refresh=True)
        assert rows(company, OF_THE_WAY) == both_ways

        start_again(company)
        fetch(settings)
        build(settings, full_refresh=True)
        by_fetch = rows(company, OF_THE_WAY)
    assert comparable(by_fetch) == comparable(by_webhook)
    kinds = {row["event_type"] for row in by_fetch["events.pr_events"]}
    assert kinds == {"opened", "review_submitted", "changes_requested", "approved", "merged", "closed"}


def comparable(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Rows without what the webhooks of their vendor do not say."""
    compared = {}
    for table, records in found.items():
        kept = [{name: value for name, value in row.items() if name not in untold(row)} for row in records]
        compared[table] = sorted(kept, key=lambda row: json.dumps(row, sort_keys=True))
    return compared


def untold(row: dict[str, Any]) -> set[str]:
    return NOT_IN_BITBUCKET if row["repo_full_name"] == history.REPOSITORY else NOT_IN_GITLAB
