"""Pull requests, deployments and incidents: whatever the order of arrival and the split into builds, one result.

The same deliveries go in shuffled and in two builds; what stands in the tables is what a full rebuild gives, row for
row, and, apart from when each was received, what the order of events gives.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from tests.conftest import empty_input_tables
from tests.dbt.delivery_payloads import Delivery, PullRequest, at, deployment, incident, land, ticket
from tests.marts import build_marts, built_once, marts_database, of_silent_vendors

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
MODELS = ("+deployment_records", "+pr_cycles")
TABLES: dict[str, set[str]] = {
    "events.pull_requests": {"revision"},
    "events.pr_events": {"revision"},
    "events.cicd_events": set(),
    "events.incident_events": {"revision"},
    "cycles.pr_cycles": set(),
    "cycles.deployment_records": set(),
    "cycles.deployment_changes": set(),
    "cycles.incident_records": set(),
}
# What tells of the arrival and not of the event.
ARRIVAL = {"received_at", "landing_id", "last_landing_id"}

CONFIGURATION = """
    insert into config.delivery_streams (name, display_name)
    values ('payments', 'Payments'), ('onboarding', 'Onboarding');
    insert into config.tech_streams (name, display_name, github_org, github_install_id)
    values ('core', 'Core', 'acme-core', '1'), ('web', 'Web', 'acme-web', '2');
    insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name, deploy_target)
    select stream_id, github_org, 'pay', github_org || '/pay', 'ecs:pay' from config.tech_streams where name = 'core';
    insert into config.field_mappings values ('delivery_stream', 'customfield_10101');
    insert into config.jira_projects (jira_project_key) values ('PAY');
"""


@pytest.fixture(scope="module")
def settings(server: Settings) -> Settings:
    return marts_database(server)


@pytest.fixture
def company(settings: Settings) -> Iterator[Engine]:
    """Two streams, one registered repository, no deliveries yet."""
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        empty_input_tables(connection)
        connection.execute(text(CONFIGURATION))
    yield engine
    engine.dispose()


def build(settings: Settings, *, full_refresh: bool = False) -> None:
    silent = of_silent_vendors(settings)
    build_marts(settings, AS_OF, full_refresh=full_refresh, select=MODELS, exclude=silent, command="run")


def build_the_story(company: Engine, settings: Settings) -> None:
    """The whole story, built from nothing in the order in which it happened."""

    def build_it() -> None:
        land(company, story())
        build(settings, full_refresh=True)

    built_once(settings, company, "delivery_story", build_it)


def rows(engine: Engine, *, without: AbstractSet[str] = frozenset()) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in an order of its own."""
    found = {}
    with engine.connect() as connection:
        for table, volatile in TABLES.items():
            records = connection.execute(text(f"select to_jsonb(t) from {table} as t")).scalars()
            kept = [{k: v for k, v in record.items() if k not in volatile | without} for record in records]
            found[table] = sorted(kept, key=lambda record: json.dumps(record, sort_keys=True))
    return found


def value(engine: Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def story() -> list[Delivery]:
    """Two weeks of a small company, in the order in which things happened."""
    draft = PullRequest(1, "feature/PAY-1-retry", at("09:00"))
    hotfix = PullRequest(2, "hotfix/PAY-2-null", at("09:00", 1), author="second", labels=("bug",))
    abandoned = PullRequest(3, "feature/PAY-3-idea", at("10:00", 1))
    unlinked = PullRequest(4, "UTF-8-names", at("11:00", 1), repo="acme-web/shop", author=None)
    back_port = PullRequest(5, "feature/PAY-1-back", at("12:00", 1), base="release-1")
    return [
        ticket("PAY-1", at("08:00"), "Payments"),
        draft.told("opened", at("09:00"), draft=True),
        draft.reviewed("early", "commented", at("09:30"), draft=True),
        draft.told("ready_for_review", at("10:00")),
        draft.reviewed("author", "COMMENTED", at("10:30")),
        draft.reviewed("helper", "commented", at("10:40"), kind="Bot"),
        draft.reviewed("early", "changes_requested", at("11:00")),
        draft.told("synchronize", at("11:30"), head="head-2", size=20),
        draft.reviewed("early", "approved", at("12:00"), head="head-2"),
        draft.told("closed", at("13:00"), head="head-2", merged=at("13:00"), size=20),
        draft.reviewed("late", "approved", at("14:00"), head="head-2", merged=at("13:00")),
        deployment("acme-core/pay", draft.merge_sha, at("15:00"), artefact_version="v1"),
        deployment("acme-core/pay", draft.merge_sha, at("15:00"), artefact_version="v1"),
        incident("alarm-1", "alarm_triggered", at("15:20")),
        incident("inc-1", "incident_opened", at("15:25"), related_incident_id="alarm-1", ticket_id="PAY-2"),
        ticket("PAY-2", at("15:30"), "Payments", "Bug"),
        hotfix.told("opened", at("09:00", 1)),
        abandoned.told("opened", at("10:00", 1)),
        unlinked.told("opened", at("11:00", 1)),
        back_port.told("opened", at("12:00", 1)),
        back_port.told("closed", at("12:30", 1), merged=at("12:30", 1)),
        hotfix.reviewed("author", "approved", at("13:00", 1)),
        hotfix.told("closed", at("14:00", 1), merged=at("14:00", 1)),
        deployment("acme-core/pay", hotfix.merge_sha, at("15:00", 1), artefact_version="v2"),
        incident("alarm-1", "alarm_resolved", at("15:10", 1)),
        incident("inc-1", "incident_resolved", at("15:15", 1)),
        # Back to v1 by hand, without saying so.
        deployment("acme-core/pay", draft.merge_sha, at("17:00", 1), artefact_version="v1"),
        abandoned.told("closed", at("09:00", 2), closed=at("09:00", 2)),
        abandoned.told("reopened", at("10:00", 2)),
        unlinked.told("closed", at("10:00", 2), merged=at("10:00", 2)),
        deployment("acme-web/shop", None, at("11:00", 2), artefact_version="latest", environment="staging"),
        deployment("acme-core/pay", None, at("12:00", 2), status="failure", failure_reason="tests"),
        deployment("acme-core/pay", hotfix.merge_sha, at("13:00", 2), artefact_version="v2"),
        deployment("acme-core/pay", hotfix.merge_sha, at("13:20", 2), artefact_version="v2", status="rolled_back"),
        # The ticket of the abandoned one becomes known, and the first one changes its stream.
        ticket("PAY-3", at("14:00", 2), "Onboarding"),
        ticket("PAY-1", at("15:00", 2), "Onboarding"),
        incident("inc-2", "incident_opened", at("16:00", 2), service="moon"),
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_deliveries_in_two_builds_give_what_a_full_rebuild_gives(
    company: Engine, settings: Settings, seed: int
) -> None:
    deliveries = story()
    build_the_story(company, settings)
    in_order = rows(company, without=ARRIVAL)

    with company.begin() as connection:
        connection.execute(text("truncate landing.raw_events"))
    shuffled = random.Random(seed).sample(deliveries, len(deliveries))
    half = len(shuffled) // 2
    land(company, shuffled[:half])
    build(settings, full_refresh=True)
    land(company, shuffled[half:])
    build(settings)
    in_two_builds = rows(company)
    assert rows(company, without=ARRIVAL) == in_order

    build(settings, full_refresh=True)
    assert rows(company) == in_two_builds


def test_the_story_has_the_numbers_that_one_counts_by_hand(company: Engine, settings: Settings) -> None:
    build_the_story(company, settings)
    with company.connect() as connection:
        cycles = connection.execute(
            text(
                """
                select pr_number, state, linked_ticket_id, time_to_first_review_hrs, review_rounds, reviewer_count,
                    rework_cycles, is_hotfix
                from cycles.pr_cycles
                order by pr_number
                """
            )
        ).all()
        records = connection.execute(
            text(
                """
                select to_char(deployed_at at time zone 'UTC', 'DD HH24:MI'), environment, status, change_count,
                    linked_ticket_id, is_rollback, is_rework, incident_id
                from cycles.deployment_records
                order by deployed_at
                """
            )
        ).all()
        outages = connection.execute(
            text(
                """
                select incident_ids, time_to_restore_min::float, is_change_caused
                from cycles.incident_records
                order by opened_at
                """
            )
        ).all()
    assert [tuple(row) for row in cycles] == [
        # Ready at 10:00, first looked at by somebody else at 11:00; two more looks, one of them at the draft.
        (1, "merged", "PAY-1", 1, 3, 1, 1, False),
        (2, "merged", "PAY-2", 4, 1, 1, 0, True),
        (4, "merged", None, None, 0, 0, 0, False),
        (5, "merged", "PAY-1", None, 0, 0, 0, False),
    ]
    assert [tuple(row) for row in records] == [
        ("05 15:00", "production", "success", 1, "PAY-1", False, False, "alarm-1"),
        ("06 15:00", "production", "rolled_back", 1, "PAY-2", False, True, None),
        ("06 17:00", "production", "success", 0, "PAY-1", True, False, None),
        ("07 11:00", "staging", "success", 0, None, False, False, None),
        ("07 12:00", "production", "failed", 0, None, False, False, None),
        ("07 13:00", "production", "rolled_back", 1, "PAY-2", False, True, None),
    ]
    assert [tuple(row) for row in outages] == [
        (["alarm-1", "inc-1"], (24 * 60) - 5, True),
        (["inc-2"], None, False),
    ]


def test_configuration_that_comes_later_reaches_rows_that_were_built(company: Engine, settings: Settings) -> None:
    build_the_story(company, settings)
    changes: Sequence[str] = (
        """
        insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name, deploy_target)
        select stream_id, github_org, 'shop', github_org || '/shop', 'ecs:moon'
        from config.tech_streams
        where name = 'web'
        """,
        f"insert into config.bots (person_hash) values ('{'early'.ljust(64, '0')}')",
        "insert into config.manual_links (repo_full_name, pr_number, ticket_id) values ('acme-web/shop', 4, 'PAY-2')",
    )
    for change in changes:
        with company.begin() as connection:
            connection.execute(text(change))
        build(settings)
    assert value(company, "select count(*) from cycles.pr_cycles where pr_number = 1 and first_review_at is null") == 1
    assert value(company, "select linked_ticket_id from events.pr_events where pr_number = 4 limit 1") == "PAY-2"
    assert value(company, "select count(*) from cycles.incident_records where tech_stream_id is null") == 0
    incremental = rows(company)
    build(settings, full_refresh=True)
    assert rows(company) == incremental

    # Taken back, it leaves no trace.
    with company.begin() as connection:
        connection.execute(text("delete from config.manual_links"))
    build(settings)
    assert value(company, "select count(*) from events.pull_requests where link_method = 'manual'") == 0


def test_history_that_is_fetched_after_the_webhooks_reaches_rows_that_were_built(
    company: Engine, settings: Settings
) -> None:
    build_the_story(company, settings)
    with company.begin() as connection:
        for position, number in enumerate((9, 1, 2)):
            sha = f"{number:040x}"
            connection.execute(
                text(
                    """
                    insert into raw_git.commits
                        (repo_full_name, sha, parent_shas, committed_at, branch_position, _dlt_load_id, _dlt_id)
                    values ('acme-core/pay', :sha, '[]', :at, :position, '1767700000.1', :sha)
                    """
                ),
                {"sha": sha, "at": at("08:00", position), "position": position},
            )
            connection.execute(
                text(
                    """
                    insert into raw_git.pull_requests
                        (repo_full_name, pr_number, merge_commit_sha, first_commit_at, merged_at, merge_method,
                        _dlt_load_id, _dlt_id)
                    values ('acme-core/pay', :number, :sha, :first, :at, 'squash', '1767700000.1', :sha)
                    """
                ),
                {"number": number, "sha": sha, "first": at("07:00", position - 1), "at": at("08:00", position)},
            )
    build(settings)
    first_commit = "select first_commit_at from cycles.pr_cycles where pr_number = 1"
    assert value(company, first_commit) == at("07:00", 0)
    # No webhook told of number 9: it was opened with its first commit, and the first deployment carried it.
    assert value(company, "select opened_at from cycles.pr_cycles where pr_number = 9") == at("07:00", -1)
    assert value(company, "select count(*) from cycles.deployment_changes where pr_number = 9") == 1
    # A force-push takes it out of the history again.
    with company.begin() as connection:
        connection.execute(text("delete from raw_git.pull_requests where pr_number = 9"))
        connection.execute(text("delete from raw_git.commits where sha = :sha"), {"sha": f"{9:040x}"})
    build(settings)
    assert value(company, "select count(*) from cycles.pr_cycles where pr_number = 9") == 0
    incremental = rows(company)
    build(settings, full_refresh=True)
    assert rows(company) == incremental


def test_a_late_review_rewrites_its_own_pull_request_and_no_other(company: Engine, settings: Settings) -> None:
    build_the_story(company, settings)

    def versions(table: str) -> dict[str, str]:
        with company.connect() as connection:
            found = connection.execute(text(f"select ctid::text, xmin::text from {table}")).all()
            return {row[0]: row[1] for row in found}

    events, cycles = versions("events.pr_events"), versions("cycles.pr_cycles")
    hotfix = PullRequest(2, "hotfix/PAY-2-null", at("09:00", 1), author="second")
    land(company, [hotfix.reviewed("third", "approved", at("10:00", 1))])
    build(settings)
    assert value(company, "select time_to_first_review_hrs from cycles.pr_cycles where pr_number = 2") == 1
    assert len(events.items() - versions("events.pr_events").items()) == 0
    assert len(cycles.items() - versions("cycles.pr_cycles").items()) == 1
