"""Every fetch is on record with what it cost; cursors and configuration hashes are two things."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from core import clock
from core.privacy import Pseudonymiser
from core.settings import Settings, SettingsError
from ingestion.sources.jira import __main__, connection
from ingestion.sources.jira.pull import pull_jira, pull_registry, pull_sprints, reconcile_jira, sync_sprints
from ingestion.sources.jira.site import JiraSite, without_people
from tests.ingestion.sources.conftest import JiraSettings, Query, failing_load
from tests.ingestion.sources.jira_server import Fault, JiraServer
from tests.ingestion.sources.jira_shapes import START, board, issue, sprint, with_histories


@pytest.fixture
def site() -> Iterator[JiraServer]:
    with JiraServer(issue(number) for number in range(1, 251)) as server:
        yield server


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_DELAY_SECONDS", 0.001)


def test_a_fetch_is_on_record_with_its_query_its_calls_and_its_delays(
    site: JiraServer, jira_settings: JiraSettings, rows: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    limited = Fault(429, {"Retry-After": "1800", "X-RateLimit-Remaining": "17"})
    site.faults.extend([None, limited, limited])
    with clock.stopped_at(START + timedelta(days=1)):
        pull_jira(jira_settings(site, jira_jql="project = PAY"))
    assert rows(
        "select source, operation, status, query, rows_fetched, api_calls, rate_limit_delays, rate_limit_remaining,"
        " progress from ops.fetch_operations"
    ) == [("jira", "pull", "success", "project = PAY, changed since ever", 250, 6, 2, 17, "250 issues")]


def test_each_kind_of_fetch_is_on_record(site: JiraServer, jira_settings: JiraSettings, rows: Query) -> None:
    site.world.projects = [{"id": "1", "key": "PAY", "name": "Payments"}]
    site.world.boards, site.world.sprints_of = {1: board(1)}, {1: [5]}
    site.world.sprints, site.world.members = {5: sprint(5, "active")}, {5: ["10001"]}
    site.world.statuses = {"PAY": []}
    settings = jira_settings(site)
    for fetch in (pull_jira, pull_registry, pull_sprints, reconcile_jira, sync_sprints):
        fetch(settings)
    assert rows(
        "select operation, status, rows_fetched, api_calls > 0 from ops.fetch_operations order by started_at"
    ) == [
        ("pull", "success", 250, True),
        ("registry", "success", 2, True),
        ("sprints", "success", 3, True),
        ("reconcile", "success", 0, True),
        ("sync", "success", 1, False),
    ]


def test_a_wait_is_as_long_as_jira_says_and_no_shorter(
    site: JiraServer, jira_settings: JiraSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    site.faults.append(Fault(429, {"Retry-After": "1800"}))
    pull_jira(jira_settings(site))
    assert waits == [1800]


@pytest.mark.parametrize("expired", ["refused", "stranger"])
def test_an_expired_token_ends_the_fetch_with_a_sentence_and_changes_nothing(
    site: JiraServer, jira_settings: JiraSettings, rows: Query, expired: str
) -> None:
    settings = jira_settings(site)
    pull_jira(settings)
    site.expired = expired  # type: ignore[assignment]
    for fetch in (pull_jira, reconcile_jira, pull_sprints, pull_registry):
        with failing_load("the API token is wrong, or the token has expired; make a new one"):
            fetch(settings)
    assert rows("select count(*) from raw_jira.issues") == [(250,)]
    assert rows("select count(*) from raw_jira.tombstones") == [(0,)]


def test_a_token_that_expires_between_two_pages_ends_no_list(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    # From then on Jira answers like to a visitor: 200, no issue, and a header that gives it away.
    def expire(request: object) -> None:
        site.expired = "stranger" if len(site.requests) >= 2 else ""

    site.meanwhile = expire
    with failing_load("the API token is wrong, or the token has expired"):
        pull_jira(jira_settings(site))
    assert rows("select count(*) from raw_jira.issues") == [(0,)]


def test_another_field_mapping_changes_the_record_and_fetches_nothing_again(
    site: JiraServer, jira_settings: JiraSettings, rows: Query, engine: Engine
) -> None:
    settings = jira_settings(site)
    with clock.stopped_at(START + timedelta(days=1)):
        pull_jira(settings)
    with engine.begin() as connection_:
        connection_.execute(
            text("insert into config.field_mappings (internal_field, jira_field_id) values ('environment', 'cf_1')")
        )
    with clock.stopped_at(START + timedelta(days=2)):
        assert pull_jira(settings)[0].rows == 0
    assert rows("select count(distinct configuration_hash), count(*) from ops.fetch_operations") == [(2, 2)]
    assert rows("select count(*) from ops.fetch_cursors") == [(1,)]


def test_another_query_fetches_all_of_it_and_the_first_one_goes_on_where_it_was(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    with clock.stopped_at(START + timedelta(days=1)):
        assert pull_jira(jira_settings(site, jira_jql="project = PAY"))[0].rows == 250
        assert pull_jira(jira_settings(site, jira_jql="project = PAY AND labels = a"))[0].rows == 0
        assert pull_jira(jira_settings(site))[0].rows == 250
        site.requests.clear()
    site.put(issue(3, START + timedelta(days=2)))
    with clock.stopped_at(START + timedelta(days=3)):
        assert pull_jira(jira_settings(site, jira_jql="project = PAY"))[0].rows == 1
    assert rows("select count(distinct configuration_hash), count(*) from ops.fetch_operations") == [(3, 4)]


def test_another_site_begins_at_the_beginning(site: JiraServer, jira_settings: JiraSettings) -> None:
    pull_jira(jira_settings(site))
    with JiraServer([issue(1)]) as other:
        assert pull_jira(jira_settings(other))[0].rows == 1


def test_a_table_that_was_emptied_is_filled_again(
    site: JiraServer, jira_settings: JiraSettings, engine: Engine
) -> None:
    with clock.stopped_at(START + timedelta(days=1)):
        pull_jira(jira_settings(site))
        with engine.begin() as connection_:
            connection_.execute(text("truncate raw_jira.issues"))
        assert pull_jira(jira_settings(site))[0].rows == 250


def test_running_twice_changes_nothing(jira_settings: JiraSettings, rows: Query) -> None:
    everything = "select id, key, updated_at, fields, changelog from raw_jira.issues order by id"
    with JiraServer(with_histories(issue(number), *range(4)) for number in range(1, 6)) as server:
        pull_jira(jira_settings(server))
        before = rows(everything)
        pull_jira(jira_settings(server))
    assert rows(everything) == before
    assert len(before) == 5


def test_without_a_site_there_is_nothing_to_pull(raw_tables: Settings) -> None:
    with pytest.raises(SettingsError, match="DPP_JIRA_URL is not set"):
        pull_jira(raw_tables)


def test_the_token_is_never_shown() -> None:
    assert "hush" not in repr(JiraSite("https://jira.example.org", "", "hush"))


@pytest.mark.parametrize(
    ("jql", "kept", "forgotten"),
    [
        ("assignee = ann AND project = PAY", "AND project = PAY", "ann"),
        ('reporter in (ann, "Bob Example") OR status = Done', "OR status = Done", "Bob"),
        ('creator was "ann@example.org"', "creator was", "ann"),
        ("assignee = currentUser() AND project = PAY", "currentUser() AND project = PAY", "person-"),
        ("project = PAY ORDER BY assignee", "project = PAY ORDER BY assignee", "person-"),
    ],
)
def test_a_query_is_written_down_without_the_people_it_names(jql: str, kept: str, forgotten: str) -> None:
    written = without_people(jql, Pseudonymiser("a key"))
    assert kept in written
    assert forgotten not in written


def test_a_refused_query_is_told_without_the_people_it_names(
    site: JiraServer, jira_settings: JiraSettings, rows: Query
) -> None:
    said = b"{\"errorMessages\": [\"The value 'Zoltan Example' does not exist for the field 'assignee'.\"]}"
    site.faults.extend([None, Fault(400, body=said)])
    with failing_load("does not exist for the field 'assignee'"):
        pull_jira(jira_settings(site, jira_jql='assignee = "Zoltan Example"'))
    [(query, message)] = rows("select query, message from ops.fetch_operations")
    assert "Zoltan" not in query + message


def test_the_source_runs_alone(
    site: JiraServer, jira_settings: JiraSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = jira_settings(site)
    monkeypatch.setattr(__main__, "exit_on_wrong_settings", lambda: settings)
    monkeypatch.setattr(__main__, "configure_logging", lambda _settings: None)
    assert __main__.main(["issues"]) == 0
    assert "issues: 250 fetched, 250 stored" in capsys.readouterr().out
    site.expired = "refused"
    assert __main__.main(["sprints"]) == 1
    assert "the API token is wrong, or the token has expired" in capsys.readouterr().err
