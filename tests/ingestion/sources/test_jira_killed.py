"""A fetch that is killed, wherever it is, and started again ends where an undisturbed one ends."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest
from sqlalchemy import Engine

from core.settings import Settings
from ingestion.operations import ENDED_WITHOUT_A_WORD
from ingestion.sources.jira.pull import pull_jira, pull_registry, pull_sprints, reconcile_jira, sync_sprints
from tests.conftest import empty_input_tables
from tests.ingestion.sources.conftest import JiraSettings, Query
from tests.ingestion.sources.jira_server import JiraServer
from tests.ingestion.sources.jira_shapes import START, board, issue, sprint, with_histories
from tests.promises.killing import start

# Enough to die in every kind of step; many more would only cost time.
KILLS = 5
# After the last request comes the load, which a kill must meet too.
LONGEST_LOAD_SECONDS = 0.4
EVERYTHING = """
    select
        (select jsonb_agg(jsonb_build_array(id, key, updated_at, fields, changelog) order by id) from raw_jira.issues),
        (select jsonb_agg(jsonb_build_array(id, key, state) order by id) from raw_jira.tombstones),
        (select jsonb_agg(to_jsonb(s) - '_dlt_id' - '_dlt_load_id' order by id) from raw_jira.sprints as s),
        (
            select jsonb_agg(jsonb_build_array(sprint_id, issue_id, issue_key, is_member) order by sprint_id, issue_id)
            from raw_jira.sprint_issues
        ),
        (select jsonb_agg(to_jsonb(f) - '_dlt_id' - '_dlt_load_id' order by id) from raw_jira.fields as f),
        (select jsonb_agg(to_jsonb(c) - 'sprint_id' order by jira_sprint_id) from config.sprints as c)
"""


@pytest.fixture
def site() -> Iterator[JiraServer]:
    with JiraServer(with_histories(issue(number), *range(4)) for number in range(1, 121)) as server:
        world = server.world
        world.fields = [{"id": f"customfield_{number}", "name": "x", "custom": True} for number in range(5)]
        world.boards, world.sprints_of = {1: board(1)}, {1: [4, 5]}
        world.sprints = {4: sprint(4, "closed", starts_at=START - timedelta(days=14)), 5: sprint(5, "active")}
        world.members = {4: ["10001", "10002"], 5: [f"1000{number}" for number in range(3, 8)]}
        yield server


def fetch_all(settings: Settings) -> None:
    """One round of everything."""
    for fetch in (pull_registry, pull_jira, pull_sprints, reconcile_jira, sync_sprints):
        fetch(settings)


def change(site: JiraServer) -> None:
    """A day at the site."""
    for number in range(1, 30):
        site.put(with_histories(issue(number, START + timedelta(days=1, minutes=number)), *range(6)))
    site.remove("10040")
    site.world.members[5] = ["10003", "10009"]
    del site.world.fields[0]


def test_a_fetch_that_is_killed_and_run_again_ends_like_an_undisturbed_one(
    site: JiraServer, jira_settings: JiraSettings, rows: Query, engine: Engine
) -> None:
    settings = jira_settings(site)
    fetch_all(settings)
    change(site)
    before = len(site.requests)
    fetch_all(settings)
    calls = len(site.requests) - before
    expected = rows(EVERYTHING)
    empty(engine)
    revert(site)
    fetch_all(settings)
    change(site)

    chance = random.Random(7)
    for _ in range(KILLS):
        process = start(fetch_all, settings)
        kill_at(process, site, chance.randint(1, calls), chance.uniform(0, LONGEST_LOAD_SECONDS))
    # A kill between two fetches interrupts none, and the next process ends what the last one left.
    assert rows(f"select count(*) from ops.fetch_operations where message = '{ENDED_WITHOUT_A_WORD}'")[0][0] > 0
    fetch_all(settings)
    assert rows(EVERYTHING) == expected


def revert(site: JiraServer) -> None:
    """The site as it was on the first day."""
    for number in range(1, 121):
        site.put(with_histories(issue(number), *range(4)))
    site.world.members[5] = [f"1000{number}" for number in range(3, 8)]
    site.world.fields = [{"id": f"customfield_{number}", "name": "x", "custom": True} for number in range(5)]


def empty(engine: Engine) -> None:
    with engine.begin() as connection:
        empty_input_tables(connection)


def kill_at(process: BaseProcess, site: JiraServer, request: int, seconds: float) -> None:
    """Kill a process so long after it has made that many requests."""
    reached = threading.Event()
    first = len(site.requests)

    def count(_request: object) -> None:
        if len(site.requests) - first >= request:
            reached.set()

    site.meanwhile = count
    assert reached.wait(timeout=60), "the process did not come so far"
    process.join(timeout=seconds)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(timeout=10)
    process.close()
