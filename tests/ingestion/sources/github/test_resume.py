"""A pull that was stopped, put off or killed goes on, and ends where a quiet one ends."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core import clock
from core.database import database_url
from core.settings import Settings
from ingestion.operations import ENDED_WITHOUT_A_WORD
from ingestion.sources import github
from ingestion.sources.github import IncompleteError
from ingestion.sources.github.pull import pull_github
from tests.conftest import empty_input_tables
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.github.conftest import ACME, NOW
from tests.ingestion.sources.github.model import Pull, Repo
from tests.ingestion.sources.github.server import APP_ID, Fault, GithubServer
from tests.ingestion.sources.github.test_pull import everything

_QUIET: list[object] = []
ROOT = Path(__file__).resolve().parents[4]
# Chunks of forty rows, so that there are several places to be killed between.
PROGRAM = f"""
import sys
from datetime import datetime
from core import clock
from ingestion.sources import github
from ingestion.sources.github.__main__ import main
github.ROWS_IN_A_CHUNK = 40
with clock.stopped_at(datetime.fromisoformat("{NOW.isoformat()}")):
    sys.exit(main(["pull"]))
"""


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of one page."""
    monkeypatch.setattr(github, "ROWS_IN_A_CHUNK", 40)


@pytest.fixture
def quiet(app: Settings, rows: Query, engine: Engine, site: GithubServer) -> list[object]:
    """What a pull brings that nothing disturbs; the site is the same for all of these tests."""
    if not _QUIET:
        pull_github(app)
        _QUIET.extend(everything(rows))
        with engine.begin() as connection:
            empty_input_tables(connection)
        site.requests.clear()
    return _QUIET


def asked_after(site: GithubServer) -> list[object]:
    """Where the pages of the pull requests of acme/payments began."""
    return [
        request.parameters["variables"].get("after")
        for request in site.requests
        if "query PullRequests" in request.parameters.get("query", "")
        and request.parameters["variables"]["repository"] == "R_101"
    ]


@pytest.mark.usefixtures("small_chunks")
def test_what_was_put_off_goes_on_where_it_stopped(
    app: Settings, site: GithubServer, rows: Query, quiet: list[object]
) -> None:
    site.remaining = 503
    pull_github(app)
    assert asked_after(site)[0] is None
    assert rows("select query, status from ops.fetch_operations where operation = 'pull' and query = 'acme' "
                "and status = 'deferred'") == [("acme", "deferred")]  # fmt: skip
    site.requests.clear()
    site.remaining = 5_000
    with clock.stopped_at(NOW + timedelta(hours=1)):
        pull_github(app)
    assert None not in asked_after(site)
    assert everything(rows) == quiet


def test_a_failure_in_the_midst_keeps_what_came_before_it(
    app: Settings, site: GithubServer, rows: Query, quiet: list[object]
) -> None:
    asked = 0

    def fail_from_the_third_page_on() -> None:
        nonlocal asked
        request = site.requests[-1]
        if "query PullRequests" in request.parameters.get("query", "") and request.parameters["variables"]["after"]:
            asked += 1
            if asked > 1:
                site.faults.append(Fault(500))

    site.before_answer = fail_from_the_third_page_on
    with pytest.raises(IncompleteError, match="acme/payments: POST /graphql: 500"):
        pull_github(app)
    site.before_answer = lambda: None
    site.faults.clear()
    assert rows("select count(*) from raw_github.pull_requests where repo_full_name = 'acme/payments'") == [(100,)]
    assert rows("select query, status, message from ops.fetch_operations where status = 'failure'") == [
        ("acme/payments", "failure", "UnavailableError: POST /graphql: 500, try again later")
    ]
    pull_github(app)
    assert everything(rows) == quiet


def test_a_repository_that_fails_stops_no_other(app: Settings, site: GithubServer, rows: Query) -> None:
    site.repositories.insert(0, Repo(100, ACME, "broken", pulls=[Pull(1, 5)], forbidden=frozenset({"releases"})))
    site.repository("acme/payments").forbidden = frozenset({"releases"})
    with pytest.raises(IncompleteError) as failure:
        pull_github(app)
    # The permission is the organisation's: it is told once.
    assert failure.value.failures == (
        "acme: releases may not be read; give the App or the token the permission Contents: read-only",
    )
    assert rows("select repo_full_name, count(*) from raw_github.pull_requests group by 1 order by 1") == [
        ("acme/broken", 1),
        ("acme/ledger", 2),
        ("acme/payments", 130),
    ]


def test_github_that_is_down_is_not_asked_for_every_repository(app: Settings, site: GithubServer, rows: Query) -> None:
    site.repositories = [Repo(number, ACME, f"service-{number}") for number in range(1, 9)]

    def no_graphql() -> None:
        if site.requests[-1].path == "/graphql":
            site.faults.append(Fault(503))

    site.before_answer = no_graphql
    with pytest.raises(IncompleteError) as failure:
        pull_github(app)
    assert len(failure.value.failures) == 3
    assert rows("select message from ops.fetch_operations where status = 'deferred'") == [
        ("GitHub did not answer for 3 repositories in a row",)
    ]


@pytest.mark.usefixtures("beta")
def test_an_organisation_that_fails_stops_no_other(app: Settings, site: GithubServer, rows: Query) -> None:
    # The installations, the token of the first organisation; then its list is not allowed.
    site.faults.extend([None, None, Fault(403, {}, {"message": "Resource not accessible by integration"})])
    with failing_load_of_one("acme: GithubError: GET /installation/repositories: 403"):
        pull_github(app)
    assert rows("select distinct repo_full_name from raw_github.pull_requests") == [("beta/reports",)]


@contextmanager
def failing_load_of_one(reason: str) -> Iterator[None]:
    """The pull in the block fails for one organisation."""
    with pytest.raises(IncompleteError, match=reason) as failure:
        yield
    del failure
    with warnings.catch_warnings():
        # dlt 1.31 leaves a file open when it fails; better here than in a later test.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_a_thing_that_github_cannot_give_is_told_and_the_rest_is_stored(
    app: Settings, site: GithubServer, rows: Query
) -> None:
    site.repository("acme/ledger").pulls.append(Pull(3, 40, is_unreadable=True))
    with pytest.raises(IncompleteError, match="acme/ledger: GitHub could not give 1 of the pull requests; skipped"):
        pull_github(app)
    assert rows("select count(*) from raw_github.pull_requests where repo_full_name = 'acme/ledger'") == [(2,)]


def test_a_page_that_github_forgot_begins_the_backfill_anew(
    app: Settings, site: GithubServer, rows: Query, engine, quiet: list[object]
) -> None:  # type: ignore[no-untyped-def]
    site.remaining = 505
    pull_github(app)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "update ops.fetch_cursors set cursor = jsonb_set(cursor, '{after}', '\"forgotten\"') "
            "where scope = 'pull_requests:101'"
        )
    site.remaining = 5_000
    with clock.stopped_at(NOW + timedelta(hours=1)):
        pull_github(app)
    assert everything(rows) == quiet


def test_killed_at_random_and_run_again_it_ends_as_a_quiet_run_ends(
    app: Settings, site: GithubServer, rows: Query, quiet: list[object], tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "DPP_ENVIRONMENT": "test",
        "DPP_HOME": str(tmp_path / "home"),
        "DPP_DATABASE_URL": database_url(app).render_as_string(hide_password=False),
        "DPP_SECRETS_FOLDER": str(app.secrets_path),
        "DPP_GITHUB_API_URL": site.url,
        "DPP_GITHUB_APP_ID": APP_ID,
    }
    choose = random.Random(20260105)
    killed = 0
    for requests in (choose.randint(4, 7), choose.randint(5, 8), None):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        site.before_answer = at_request(requests, process.kill)
        status = process.wait(timeout=120)
        site.before_answer = lambda: None
        killed += status == -9
        assert status == (0 if requests is None else -9)
    assert killed == 2
    assert everything(rows) == quiet
    assert (
        rows("select status, message from ops.fetch_operations where status <> 'success'")
        == [("failure", ENDED_WITHOUT_A_WORD)] * 2
    )


def at_request(number: int | None, act: Callable[[], None]) -> Callable[[], None]:
    """Does something when that many requests were made."""
    made = 0

    def count() -> None:
        nonlocal made
        made += 1
        if made == number:
            act()

    return count
