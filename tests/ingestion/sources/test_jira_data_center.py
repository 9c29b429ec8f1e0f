"""Jira Data Center speaks another language, pages by position, and nothing is lost all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core import clock
from core.privacy import Pseudonymiser
from core.settings import Settings
from ingestion.pipelines import LoadResult
from ingestion.sources.jira import JiraSite, connection, jira
from ingestion.sources.jira.pull import pull_issues
from tests.ingestion.sources.conftest import Query, failing_load
from tests.ingestion.sources.jira_server import EMAIL, TOKEN, Fault, JiraServer, Request
from tests.ingestion.sources.jira_shapes import START, history, issue, with_histories


@pytest.fixture
def site() -> Iterator[JiraServer]:
    with JiraServer((issue(number) for number in range(1, 251)), deployment="data_center") as server:
        yield server


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_DELAY_SECONDS", 0.001)


def data_center(server: JiraServer, email: str = "", token: str = TOKEN) -> JiraSite:
    return JiraSite(server.url, email, token, "data_center")


def load(server: JiraServer, settings: Settings, *, token: str = TOKEN) -> LoadResult:
    return pull_issues(data_center(server, token=token), settings)


def test_every_issue_comes_once_with_a_personal_access_token(
    site: JiraServer, raw_tables: Settings, rows: Query
) -> None:
    assert load(site, raw_tables).rows == 250
    assert rows("select count(distinct id), min(key), max(changelog::text) from raw_jira.issues") == [
        (250, "PAY-1", "[]")
    ]
    assert {request.path for request in site.requests} == {"/rest/api/2/myself", "/rest/api/2/search"}
    assert [request.parameters["startAt"] for request in site.requests[1:]] == ["0", "99", "198"]


def test_a_name_and_a_password_serve_as_well(site: JiraServer) -> None:
    source = jira(data_center(site, email=EMAIL), Pseudonymiser("a key"))
    assert sum(table.num_rows for table in source) == 250


def test_issues_that_change_while_pages_are_read_hide_no_other_issue(
    site: JiraServer, raw_tables: Settings, rows: Query
) -> None:
    # Each question finds more of the issues that were read already at the end of the order, so the rest moves up.
    changes = iter(range(1, 251))

    def change_some(request: Request) -> None:
        if request.parameters.get("startAt", "0") != "0" and len(site.requests) < 10:
            for number in (next(changes) for _ in range(30)):
                site.put(issue(number, START + timedelta(days=1, minutes=number), summary="changed"))

    site.meanwhile = change_some
    load(site, raw_tables)
    assert rows("select count(*) from raw_jira.issues") == [(250,)]
    changed = next(changes) - 1
    assert changed > 90
    assert rows("select count(*) from raw_jira.issues where fields ->> 'summary' = 'changed'") == [(changed,)]


def test_issues_that_are_deleted_while_pages_are_read_hide_no_other_issue(
    site: JiraServer, raw_tables: Settings, rows: Query
) -> None:
    def delete_some(request: Request) -> None:
        if request.parameters.get("startAt") == "99":
            site.meanwhile = lambda _request: None
            for number in range(1, 41):
                site.remove(str(10_000 + number))

    site.meanwhile = delete_some
    load(site, raw_tables)
    assert rows("select count(*) from raw_jira.issues where key in (select 'PAY-' || generate_series(41, 250))") == [
        (210,)
    ]


def test_whole_changelogs_come_with_the_search(raw_tables: Settings, rows: Query) -> None:
    with JiraServer([with_histories(issue(1), *range(120))], deployment="data_center") as server:
        load(server, raw_tables)
        assert len(server.requests) == 2
    assert rows("select jsonb_array_length(changelog), changelog -> 0 ->> 'id' from raw_jira.issues") == [(120, "0")]


@pytest.mark.parametrize("in_searches", [True, False], ids=["cut short", "left out"])
def test_a_changelog_that_a_search_does_not_give_is_asked_for(
    raw_tables: Settings, rows: Query, in_searches: bool
) -> None:
    with JiraServer([with_histories(issue(1), *range(5))], deployment="data_center") as server:
        server.changelogs_in_searches = in_searches
        server.histories_in_a_search = 2
        load(server, raw_tables)
        assert server.requests[-1].path == "/rest/api/2/issue/PAY-1"
    [(changelog,)] = rows("select changelog from raw_jira.issues")
    assert [entry["id"] for entry in changelog] == [history(number)["id"] for number in range(5)]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "GMT+02:00", None])
@pytest.mark.parametrize("since", [datetime(2026, 3, 8, 7, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)])
def test_no_change_is_skipped_whatever_the_accounts_time_zone(zone: str | None, since: datetime) -> None:
    changes = [since + timedelta(seconds=seconds) for seconds in (0, 1, 59, 1_800, 3_599, 3_600, 7_200)]
    # Java knows zones that nobody else knows, such as GMT+02:00; Python calls it Etc/GMT-2.
    known = "Etc/GMT-2" if zone == "GMT+02:00" else zone
    with JiraServer([], time_zone=known, deployment="data_center") as server:
        server.named_zone = zone
        for number, changed in enumerate(changes, start=1):
            server.put(issue(number, changed))
        source = jira(data_center(server), Pseudonymiser("a key"), updated_since=since)
        assert sum(table.num_rows for table in source) == len(changes)


def test_the_next_load_takes_what_changed_since(site: JiraServer, raw_tables: Settings) -> None:
    with clock.stopped_at(START + timedelta(days=1)):
        load(site, raw_tables)
    site.put(issue(7, START + timedelta(days=1, minutes=3), summary="changed"))
    with clock.stopped_at(START + timedelta(days=2)):
        assert load(site, raw_tables).rows == 1


@pytest.mark.parametrize("fault", [Fault(503), Fault(429), Fault(cut=True)])
def test_a_fault_that_passes_loses_nothing(site: JiraServer, raw_tables: Settings, fault: Fault) -> None:
    site.faults.extend([None, None, fault, fault])
    assert load(site, raw_tables).rows == 250


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"total": 250, "issues": []}', "a page came empty at 99 of 250 issues"),
        (b'{"total": 250}', "the list is missing in the answer"),
        (b'{"issues": []}', "does not say how many issues there are"),
    ],
)
def test_a_page_that_is_not_whole_replaces_nothing(
    site: JiraServer, raw_tables: Settings, rows: Query, body: bytes, reason: str
) -> None:
    site.faults.extend([None, None, Fault(body=body)])
    with failing_load(reason):
        load(site, raw_tables)
    assert rows("select count(*) from raw_jira.issues") == [(0,)]


def test_an_expired_token_is_named(site: JiraServer, raw_tables: Settings, rows: Query) -> None:
    site.expired = "refused"
    with failing_load("401, the personal access token is wrong or has expired"):
        load(site, raw_tables)
    [(message,)] = rows("select message from ops.fetch_operations")
    assert TOKEN not in message


def test_a_sign_in_page_in_front_of_jira_is_named(site: JiraServer, raw_tables: Settings) -> None:
    site.faults.append(Fault(headers={"Content-Type": "text/html"}, body=b"<html>Sign in</html>"))
    with failing_load("Jira sent a web page, not data; is a sign-in page in front of it?"):
        load(site, raw_tables)
