"""Jira's issues come whole, once, and without people, whatever the network and the time zones do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from core import clock
from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.load import load_jira
from ingestion.pipelines import LoadResult
from ingestion.sources.jira import JiraError, JiraSite, client_of, connection, jira
from ingestion.sources.jira.query import incremental_jql
from tests.ingestion.sources.conftest import Query, failing_load
from tests.ingestion.sources.jira_server import EMAIL, TOKEN, Fault, JiraServer, Request
from tests.ingestion.sources.jira_shapes import PERSON, START, history, issue, with_histories


@pytest.fixture
def site() -> Iterator[JiraServer]:
    with JiraServer(issue(number) for number in range(1, 251)) as server:
        yield server


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_DELAY_SECONDS", 0.001)


def load(server: JiraServer, settings: Settings, token: str = TOKEN, **options: Any) -> LoadResult:
    return load_jira(JiraSite(server.url, EMAIL, token), settings, **options)


def searches(server: JiraServer) -> list[Request]:
    return [request for request in server.requests if request.path.endswith("/search/jql")]


def test_every_issue_comes_once(site: JiraServer, raw_tables: Settings, rows: Query) -> None:
    assert load(site, raw_tables).tables["issues"].fetched == 250
    assert rows("select count(*), count(distinct key), min(updated_at), max(updated_at) from raw_jira.issues") == [
        (250, 250, START + timedelta(minutes=1), START + timedelta(minutes=250))
    ]
    assert len(searches(site)) == 3


def test_all_fields_are_asked_for_in_pages_that_follow_one_another(site: JiraServer, raw_tables: Settings) -> None:
    load(site, raw_tables, jql="project = PAY order by created")
    first, *others = searches(site)
    assert first.method == "POST"
    assert first.parameters == {
        "jql": '(project = PAY) AND updated >= "1990-01-01 00:00" ORDER BY updated ASC, key ASC',
        "maxResults": 100,
        "fields": ["*all"],
        "expand": "changelog",
    }
    assert len({request.parameters["nextPageToken"] for request in others}) == 2


def test_too_many_requests_are_waited_out_as_long_as_jira_says(
    site: JiraServer, raw_tables: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    site.faults.append(Fault(429, {"Retry-After": "7"}))
    assert load(site, raw_tables).rows == 250
    assert waits == [7]


@pytest.mark.parametrize("fault", [Fault(500), Fault(503), Fault(429), Fault(cut=True)])
def test_a_fault_that_passes_loses_nothing(site: JiraServer, raw_tables: Settings, fault: Fault) -> None:
    site.faults.extend([fault, fault])
    assert load(site, raw_tables).rows == 250


def test_a_fault_that_stays_ends_the_load_and_replaces_nothing(
    site: JiraServer, raw_tables: Settings, rows: Query
) -> None:
    load(site, raw_tables)
    before = rows("select id, fields from raw_jira.issues order by id")
    for number in range(1, 251):
        site.put(issue(number, START + timedelta(days=400, minutes=number), summary="changed"))
    site.requests.clear()
    # The question for the zone and the first page are answered, the second page never.
    site.faults.extend([None, None])
    site.fault_every = (1, Fault(503))
    with failing_load("503"):
        load(site, raw_tables)
    assert rows("select id, fields from raw_jira.issues order by id") == before
    assert len(site.requests) == 2 + connection.MOST_ATTEMPTS


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "try again later"), (404, "try again later"), (410, "try again later")],
)
def test_a_refusal_is_not_tried_again(
    site: JiraServer, raw_tables: Settings, rows: Query, status: int, reason: str
) -> None:
    site.faults.extend([None, Fault(status)])
    with failing_load(f"POST /rest/api/3/search/jql: {status}, {reason}"):
        load(site, raw_tables)
    assert len(site.requests) == 2
    assert rows("select status from ops.fetch_operations") == [("failure",)]


def test_a_wrong_token_is_named_and_never_shown(site: JiraServer, raw_tables: Settings, rows: Query) -> None:
    with failing_load("401, the e-mail address or the API token is wrong"):
        load(site, raw_tables, token="a-wrong-token")
    [(message,)] = rows("select message from ops.fetch_operations")
    assert "a-wrong-token" not in message
    assert "a-wrong-token" not in repr(JiraSite(site.url, EMAIL, "a-wrong-token"))


def test_nobody_at_the_address_is_named(raw_tables: Settings) -> None:
    with failing_load("no answer from http://127.0.0.1:1"):
        load_jira(JiraSite("http://127.0.0.1:1", EMAIL, TOKEN), raw_tables)


def test_the_search_that_jira_removed_is_not_used(site: JiraServer) -> None:
    assert site.answer(Request("GET", "/rest/api/3/search", {"jql": "project = PAY"}))[0] == 410
    with pytest.raises(JiraError, match="410"):
        client_of(JiraSite(site.url, EMAIL, TOKEN)).connection.object("GET", "/rest/api/3/search")


def test_a_page_that_comes_again_does_not_turn_for_ever(site: JiraServer, raw_tables: Settings) -> None:
    site.extra_pages_of_the_same_token = True
    with failing_load("it would never end"):
        load(site, raw_tables)


def test_the_next_load_takes_what_changed_since(site: JiraServer, raw_tables: Settings, rows: Query) -> None:
    with clock.stopped_at(START + timedelta(days=1)):
        load(site, raw_tables)
    site.put(issue(7, START + timedelta(days=1, minutes=3), summary="changed"))
    site.put(issue(300, START + timedelta(days=1, minutes=4)))
    with clock.stopped_at(START + timedelta(days=2)):
        assert load(site, raw_tables).rows == 2
    assert rows("select fields ->> 'summary' from raw_jira.issues where key = 'PAY-7'") == [("changed",)]
    assert rows("select count(*) from raw_jira.issues") == [(251,)]


def test_a_load_when_nothing_changed_asks_for_one_page(site: JiraServer, raw_tables: Settings) -> None:
    with clock.stopped_at(START + timedelta(days=1)):
        load(site, raw_tables)
    site.requests.clear()
    with clock.stopped_at(START + timedelta(days=2)):
        assert load(site, raw_tables).rows == 0
    assert len(searches(site)) == 1


def test_another_query_begins_at_the_beginning(site: JiraServer, raw_tables: Settings) -> None:
    site.put(issue(1, project="AUTH") | {"id": "20001"})
    load(site, raw_tables, jql="project = PAY")
    assert load(site, raw_tables, jql="project = AUTH").rows == 1


@pytest.mark.parametrize(
    "zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Asia/Kathmandu", "Europe/Berlin", None]
)
@pytest.mark.parametrize("since", [datetime(2026, 3, 8, 7, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)])
def test_no_change_is_skipped_whatever_the_accounts_time_zone(
    zone: str | None, since: datetime, raw_tables: Settings
) -> None:
    # Each one changed after the last fetch began; the hours around are those of summer and winter time.
    changes = [since + timedelta(seconds=seconds) for seconds in (0, 1, 59, 1_800, 3_599, 3_600, 7_200)]
    with JiraServer([], time_zone=zone) as server:
        for number, changed in enumerate(changes, start=1):
            server.put(issue(number, changed))
        source = jira(JiraSite(server.url, EMAIL, TOKEN), Pseudonymiser("a key"), updated_since=since)
        assert sum(table.num_rows for table in source) == len(changes)


def test_queries_of_later_cursors_begin_later() -> None:
    cursors = [None, *(START + timedelta(hours=hours) for hours in range(48))]
    queries = [incremental_jql("", cursor, "Europe/Berlin") for cursor in cursors]
    assert all(before < after for before, after in pairwise(queries))
    assert queries[1] == 'updated >= "2026-01-05 08:00" ORDER BY updated ASC, key ASC'


def test_an_unknown_time_zone_is_treated_as_the_farthest_one() -> None:
    assert incremental_jql("", START, "Mars/Base") == 'updated >= "2026-01-04 17:00" ORDER BY updated ASC, key ASC'


def test_a_long_changelog_is_fetched_to_its_end(raw_tables: Settings, rows: Query) -> None:
    with JiraServer([issue(1) | {"changelog": {"histories": [history(number) for number in range(8)]}}]) as server:
        load(server, raw_tables)
    [(changelog,)] = rows("select changelog from raw_jira.issues")
    assert [entry["id"] for entry in changelog] == [str(number) for number in range(8)]


def test_a_short_changelog_costs_no_request(raw_tables: Settings, rows: Query) -> None:
    with JiraServer([issue(1) | {"changelog": {"histories": [history(1)]}}]) as server:
        load(server, raw_tables)
        assert [request.path.rpartition("/")[2] for request in server.requests] == ["myself", "jql"]
    assert rows("select jsonb_array_length(changelog) from raw_jira.issues") == [(1,)]


def test_several_long_changelogs_are_fetched_in_one_question_and_dated_as_all_others(
    raw_tables: Settings, rows: Query
) -> None:
    # Their histories come mixed, in order of their dates, five to a page, with numbers for dates.
    long = [with_histories(issue(number), *range(number, number + 8)) for number in (1, 2, 3)]
    with JiraServer([*long, with_histories(issue(4), 1)]) as server:
        load(server, raw_tables)
        asked = [request.parameters for request in server.requests if request.path.endswith("/changelog/bulkfetch")]
    assert [sorted(parameters["issueIdsOrKeys"]) for parameters in asked] == [["10001", "10002", "10003"]] * 5
    for number in (1, 2, 3):
        [(changelog,)] = rows("select changelog from raw_jira.issues where id = :id", id=str(10_000 + number))
        expected = [history(entry) for entry in range(number, number + 8)]
        assert [(entry["id"], entry["created"]) for entry in changelog] == [
            (entry["id"], entry["created"]) for entry in expected
        ]


def test_forty_histories_may_be_all_or_the_last_forty_so_the_rest_is_asked_for(
    raw_tables: Settings, rows: Query
) -> None:
    with JiraServer([with_histories(issue(1), *range(50))]) as server:
        server.histories_in_a_search, server.tells_length_of_changelogs = 40, False
        load(server, raw_tables)
    assert rows("select jsonb_array_length(changelog) from raw_jira.issues") == [(50,)]


def test_changelogs_that_do_not_come_stop_the_load(
    raw_tables: Settings, rows: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    with JiraServer(with_histories(issue(number), *range(8)) for number in (1, 2)) as server:
        monkeypatch.setattr(server, "_changelogs", lambda _parameters: (200, b'{"issueChangeLogs": []}'))
        with failing_load("the changelog of issue 10001 did not come"):
            load(server, raw_tables)
    assert rows("select count(*) from raw_jira.issues") == [(0,)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"issues": [], "isLast": false}', "a page says that others follow, and not how to get them"),
        (b'{"isLast": true}', "the list is missing in the answer"),
        (b"[]", "the answer is not a JSON object"),
    ],
)
def test_a_page_that_is_not_whole_replaces_nothing(
    site: JiraServer, raw_tables: Settings, rows: Query, body: bytes, reason: str
) -> None:
    site.faults.extend([None, None, Fault(body=body)])
    with failing_load(reason):
        load(site, raw_tables)
    assert rows("select count(*) from raw_jira.issues") == [(0,)]


def test_words_in_quotes_are_no_order() -> None:
    asked = incremental_jql('summary ~ "order by phone" order by created', None, None)
    assert asked.startswith('(summary ~ "order by phone") AND updated >= ')


def test_a_changelog_that_was_not_asked_for_is_null_and_an_empty_one_is_empty(
    raw_tables: Settings, rows: Query
) -> None:
    with JiraServer([issue(1)]) as server:
        load(server, raw_tables, with_changelog=False)
        assert rows("select changelog from raw_jira.issues") == [(None,)]
        load(server, raw_tables)
        assert rows("select changelog from raw_jira.issues") == [([],)]


def test_people_are_pseudonyms(raw_tables: Settings, rows: Query) -> None:
    fields = {
        "assignee": PERSON,
        "reporter": None,
        "comment": {
            "comments": [{"author": PERSON, "body": "zoltan@example.org and [~accountid:557058:zoltan-account]"}]
        },
        "customfield_10050": [PERSON],
    }
    with JiraServer([issue(1, **fields) | {"changelog": {"histories": [history(1)]}}]) as server:
        load(server, raw_tables)
    [(stored, changelog, everything)] = rows(
        "select fields, changelog, (to_jsonb(issues) - '_dlt_id')::text from raw_jira.issues"
    )
    person = {"person_hash": Pseudonymiser(secrets_for(raw_tables).get("pseudonym_key")).hash(PERSON["accountId"])}
    assert stored["assignee"] == person | {"active": True}
    assert stored["customfield_10050"] == [person | {"active": True}]
    assert changelog[0]["author"] == person | {"active": True}
    for trace in ("zoltan", "Zoltan", "557058", "avatars.example.org", "atlassian.net"):
        assert trace not in everything


def test_text_that_postgres_cannot_hold_loses_no_issue(raw_tables: Settings, rows: Query) -> None:
    with JiraServer(
        [issue(1, summary="nul \0 and half a pair \ud83d"), issue(2, summary='"quoted", \\ and\nline')]
    ) as server:
        load(server, raw_tables)
    assert rows("select fields ->> 'summary' from raw_jira.issues order by id") == [
        ("nul \ufffd and half a pair ?",),
        ('"quoted", \\ and\nline',),
    ]


@pytest.mark.parametrize(
    "changed", ["2026-01-05T10:00:00.000+0800", "2026-01-05T02:00:00Z", "2026-01-04T19:00:00.5-0700"]
)
def test_dates_of_all_offsets_become_utc(raw_tables: Settings, rows: Query, changed: str) -> None:
    with JiraServer([issue(1) | {"fields": {"updated": changed}}]) as server:
        load(server, raw_tables)
    assert rows("select date_trunc('second', updated_at) from raw_jira.issues") == [
        (datetime(2026, 1, 5, 2, tzinfo=UTC),)
    ]


@pytest.mark.parametrize("broken", [{"updated": None}, {"updated": "2026-01-05T10:00:00"}, {}])
def test_an_issue_without_its_date_stops_the_load(
    raw_tables: Settings, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any]
) -> None:
    with JiraServer([issue(1)]) as server:
        found = {"id": "1", "key": "PAY-1", "fields": broken, "changelog": {"histories": []}}
        answer = {"issues": [found], "isLast": True}
        monkeypatch.setattr(server, "answer", lambda _request: (200, json.dumps(answer).encode()))
        with failing_load("an issue came without id, key or date of change"):
            load(server, raw_tables)
