"""Repositories are renamed and handed over: what was said under any of their names counts for the present one."""

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
from tests.dbt.delivery_payloads import Delivery, PullRequest, at, deployment, github_deployment, incident, land
from tests.marts import build_marts, marts_database, of_silent_vendors

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
OLD, MIDDLE, NEW = "acme-core/pay", "acme-core/payments", "acme-web/payments"
TABLES = (
    "events.pull_requests",
    "events.pr_events",
    "events.cicd_events",
    "events.incident_events",
    "cycles.pr_cycles",
    "cycles.deployment_records",
    "cycles.deployment_changes",
)
# The registry still holds the old name; somebody linked a pull request by hand under it.
CONFIGURATION = """
    insert into config.tech_streams (stream_id, name, display_name, github_org, github_install_id)
    values ('00000000-0000-0000-0000-00000000000c', 'core', 'Core', 'acme-core', '1'),
        ('00000000-0000-0000-0000-00000000000d', 'web', 'Web', 'acme-web', '2');
    insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name, deploy_target)
    values ('00000000-0000-0000-0000-00000000000c', 'acme-core', 'pay', 'acme-core/pay', 'ecs:pay');
    insert into config.jira_projects (jira_project_key) values ('PAY');
    insert into config.manual_links (repo_full_name, pr_number, ticket_id) values ('acme-core/pay', 2, 'PAY-9');
"""
FIRST = PullRequest(1, "feature/PAY-1-retry", at("09:00"), repo=OLD)
RENAMED = PullRequest(1, "feature/PAY-1-retry", at("09:00"), repo=MIDDLE)
SECOND = PullRequest(2, "rounding", at("09:00", 1), repo=NEW)


def moved(action: str, present: str, changes: dict[str, Any], day: int) -> Delivery:
    """A `repository` delivery."""
    payload = {"action": action, "changes": changes, "repository": {"full_name": present}}
    return Delivery("github", "repository", payload, at("20:00", day))


RENAME = moved("renamed", MIDDLE, {"repository": {"name": {"from": "pay"}}}, 0)
TRANSFER = moved("transferred", NEW, {"owner": {"from": {"organization": {"login": "acme-core"}}}}, 0)


def story() -> list[Delivery]:
    """Opened under the first name, merged under the second, deployed under all three."""
    return [
        FIRST.told("opened", at("09:00")),
        FIRST.reviewed("early", "approved", at("10:00")),
        RENAMED.told("closed", at("13:00"), merged=at("13:00")),
        deployment(OLD, FIRST.merge_sha, at("15:00"), pipeline_run_id="1"),
        incident("alarm-1", "alarm_triggered", at("15:20")),
        incident("alarm-2", "alarm_triggered", at("15:25"), service="other", repo_full_name=MIDDLE),
        SECOND.told("opened", at("09:00", 1)),
        SECOND.told("closed", at("10:00", 1), merged=at("10:00", 1)),
        # The pipeline still knows the first name only.
        deployment(OLD, SECOND.merge_sha, at("12:00", 1), pipeline_run_id="2"),
    ]


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture
def company(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
    yield engine
    engine.dispose()


def build(settings: Settings, *, full_refresh: bool = False) -> None:
    models, silent = ("+deployment_records", "+pr_cycles"), of_silent_vendors(settings)
    build_marts(settings, AS_OF, full_refresh=full_refresh, select=models, exclude=silent, command="run")


def rows(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with engine.connect() as connection:
        for table in TABLES:
            records = connection.execute(text(f"select to_jsonb(t) - 'revision' from {table} as t")).scalars()
            found[table] = sorted(records, key=lambda record: json.dumps(record, sort_keys=True))
    return found


def values(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def read_history(engine: Engine) -> None:
    """A clone that was read before the repository was renamed."""
    with engine.begin() as connection:
        for position, number in enumerate((9, 1, 2)):
            connection.execute(
                text(
                    """
                    insert into raw_git.commits
                        (repo_full_name, sha, parent_shas, committed_at, branch_position, _dlt_load_id, _dlt_id)
                    values (:name, :sha, '[]', :at, :position, '1767700000.1', :sha)
                    """
                ),
                {"name": OLD, "sha": f"{number:040x}", "at": at("08:00", position), "position": position},
            )
            connection.execute(
                text(
                    """
                    insert into raw_git.pull_requests
                        (repo_full_name, pr_number, merge_commit_sha, first_commit_at, merged_at, merge_method,
                        _dlt_load_id, _dlt_id)
                    values (:name, :number, :sha, :at, :at, 'squash', '1767700000.1', :sha)
                    """
                ),
                {"name": OLD, "sha": f"{number:040x}", "number": number, "at": at("07:00", position)},
            )


def test_all_that_was_said_under_any_name_counts_for_the_present_one(company: Engine, settings: Settings) -> None:
    land(company, story())
    read_history(company)
    build(settings, full_refresh=True)
    names = "select distinct repo_full_name from events.pull_requests"
    assert len(values(company, names)) == 3

    # The moves are heard of only now, the transfer after another build.
    land(company, [RENAME])
    build(settings)
    land(company, [TRANSFER])
    build(settings)
    for table in TABLES:
        if table not in ("cycles.deployment_changes",):
            assert values(company, f"select distinct repo_full_name from {table}") == [(NEW,)], table
    cycles = "select pr_number, linked_ticket_id, review_rounds, first_commit_at is not null from cycles.pr_cycles"
    assert values(company, f"{cycles} order by pr_number") == [
        (1, "PAY-1", 1, True),
        (2, "PAY-9", 0, True),
        (9, None, 0, True),
    ]
    # Each deployment carried one change (the first one the one before, too), and none is a rollback of another's.
    records = "select deployment_id, status, change_count, linked_ticket_id from cycles.deployment_records"
    assert values(company, f"{records} order by deployment_id") == [
        ("deploy/1", "success", 2, "PAY-1"),
        ("deploy/2", "success", 1, "PAY-9"),
    ]
    # The registry knows the first name only, and its stream holds.
    for table in ("events.pr_events", "events.cicd_events", "events.incident_events"):
        assert values(company, f"select count(*) from {table} where repo_id is null or tech_stream_id is null") == [
            (0,)
        ]

    incremental = rows(company)
    build(settings, full_refresh=True)
    assert rows(company) == incremental


def test_an_alias_by_hand_does_what_a_rename_does_and_leaves_with_it(company: Engine, settings: Settings) -> None:
    land(company, story())
    build(settings, full_refresh=True)
    before = rows(company)
    with company.begin() as connection:
        connection.execute(
            text("insert into config.repository_aliases values ('acme-core/pay', 'acme-web/payments', now())")
        )
        connection.execute(
            text("insert into config.repository_aliases values ('acme-core/payments', 'acme-web/payments', now())")
        )
    build(settings)
    assert values(company, "select distinct repo_full_name from events.pull_requests") == [(NEW,)]
    incremental = rows(company)
    build(settings, full_refresh=True)
    assert rows(company) == incremental

    with company.begin() as connection:
        connection.execute(text("delete from config.repository_aliases"))
    build(settings)
    assert rows(company) == before


def test_an_unregistered_repository_belongs_to_its_installation_s_stream(company: Engine, settings: Settings) -> None:
    """Installation 2 is the web stream's; without one, the organisation's name or its listed installation decides."""
    by_installation = PullRequest(1, "a", at("09:00"), repo="elsewhere/one").told("opened", at("09:00"))
    by_installation.payload["installation"] = {"id": 2}  # type: ignore[index]
    unknown_installation = PullRequest(2, "b", at("09:00"), repo="acme-core/two").told("opened", at("09:00"))
    unknown_installation.payload["installation"] = {"id": 99}  # type: ignore[index]
    listed = PullRequest(3, "c", at("09:00"), repo="subsidiary/three").told("opened", at("09:00"))
    nobody = PullRequest(4, "d", at("09:00"), repo="stranger/four").told("opened", at("09:00"))
    started = github_deployment("elsewhere/one", 5, "abc", at("10:00"))
    started.payload["installation"] = {"id": 2}  # type: ignore[index]
    with company.begin() as connection:
        connection.execute(
            text("insert into config.github_installations (installation_id, account_login) values ('1', 'Subsidiary')")
        )
    land(company, [by_installation, unknown_installation, listed, nobody, started])
    build(settings, full_refresh=True)
    core, web = "00000000-0000-0000-0000-00000000000c", "00000000-0000-0000-0000-00000000000d"
    streams = "select pr_number, tech_stream_id::text from events.pull_requests order by pr_number"
    assert values(company, streams) == [(1, web), (2, core), (3, core), (4, None)]
    assert values(company, "select tech_stream_id::text from events.cicd_events") == [(web,)]
