"""Once a night what is held agrees with what Jira holds, and no accident at Jira buries anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from core import clock
from core.settings import Settings
from ingestion.sources.jira import JiraError, connection
from ingestion.sources.jira.pull import pull_jira, reconcile_jira
from ingestion.sources.jira.site import cursor_scope, site_of
from ingestion.sources.jira.store import JiraStore
from tests.ingestion.sources.conftest import JiraSettings, Query, failing_load
from tests.ingestion.sources.jira_server import Fault, JiraServer
from tests.ingestion.sources.jira_shapes import START, issue, with_histories

COUNT = 150
NIGHT = START + timedelta(days=2)
TOMBSTONES = "select key, state, observed_at from raw_jira.tombstones order by key"


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    made = (with_histories(issue(number, labels=["ours"]), *range(3)) for number in range(1, COUNT + 1))
    with JiraServer(made, deployment=getattr(request, "param", "cloud")) as server:
        yield server


@pytest.fixture
def settings(site: JiraServer, jira_settings: JiraSettings) -> Settings:
    """Everything was pulled and reconciled once; written down here, since two fetches before each test cost seconds."""
    made: Settings = jira_settings(site, jira_jql="labels = ours")
    scope, pulled_at = cursor_scope(site_of(made), made.jira_jql), START + timedelta(days=1)
    with JiraStore(made) as store:
        store.write_cursor("issues", scope, {"until": pulled_at.isoformat()})
        store.write_cursor("reconciled", scope, {"at": pulled_at.isoformat()})
        with store.engine.begin() as connection_:
            connection_.execute(
                text(
                    "insert into raw_jira.issues (id, key, updated_at, fields, changelog, _dlt_load_id, _dlt_id)"
                    " values (:id, :key, :updated, '{}', '[]', 'a load', :id)"
                ),
                [
                    {"id": str(10_000 + number), "key": f"PAY-{number}", "updated": START + timedelta(minutes=number)}
                    for number in range(1, COUNT + 1)
                ],
            )
    return made


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_DELAY_SECONDS", 0.001)


def reconcile(settings: Settings, hours: int = 0) -> int:
    """How many rows a night's comparison stored."""
    with clock.stopped_at(NIGHT + timedelta(hours=hours)):
        return reconcile_jira(settings)[0].rows


def unnoticed(site: JiraServer, engine: Engine, number: int) -> None:
    """An issue that is in Jira and not here, though nothing says that it changed."""
    with engine.begin() as connection_:
        connection_.execute(text("delete from raw_jira.issues where key = :key"), {"key": f"PAY-{number}"})


def test_where_both_agree_nothing_is_stored(settings: Settings, site: JiraServer, rows: Query) -> None:
    assert reconcile(settings) == 0
    assert rows(TOMBSTONES) == []
    assert not [request for request in site.requests if request.parameters.get("fields") == ["*all"]]


@pytest.mark.parametrize("site", ["cloud", "data_center"], indirect=True)
def test_a_deleted_issue_gets_a_tombstone_once(settings: Settings, site: JiraServer, rows: Query) -> None:
    site.remove("10007")
    assert reconcile(settings) == 1
    assert reconcile(settings, hours=24) == 0
    assert rows(TOMBSTONES) == [("PAY-7", "deleted", NIGHT)]
    assert rows("select count(*) from raw_jira.issues") == [(COUNT,)]


@pytest.mark.parametrize("site", ["cloud", "data_center"], indirect=True)
def test_an_issue_that_left_the_query_is_out_of_scope_and_not_deleted(
    settings: Settings, site: JiraServer, rows: Query
) -> None:
    site.put(issue(7, START + timedelta(days=1, hours=3), labels=["theirs"]))
    reconcile(settings)
    assert rows(TOMBSTONES) == [("PAY-7", "out_of_scope", NIGHT)]


def test_an_issue_that_comes_back_is_present_again_and_up_to_date(
    settings: Settings, site: JiraServer, rows: Query
) -> None:
    site.remove("10007")
    reconcile(settings)
    site.put(issue(7, labels=["ours"], summary="seen again"))
    assert reconcile(settings, hours=24) == 2
    assert rows(TOMBSTONES) == [("PAY-7", "present", NIGHT + timedelta(hours=24))]
    assert rows("select fields ->> 'summary' from raw_jira.issues where key = 'PAY-7'") == [("seen again",)]
    assert reconcile(settings, hours=48) == 0


def test_a_pull_that_meets_a_buried_issue_digs_it_out(settings: Settings, site: JiraServer, rows: Query) -> None:
    site.put(issue(7, START + timedelta(days=1, hours=3), labels=["theirs"]))
    reconcile(settings)
    back = NIGHT + timedelta(hours=3)
    site.put(issue(7, back, labels=["ours"]))
    with clock.stopped_at(back + timedelta(hours=1)):
        pull_jira(settings)
    assert rows("select key, state from raw_jira.tombstones") == [("PAY-7", "present")]


@pytest.mark.parametrize("site", ["cloud", "data_center"], indirect=True)
def test_an_issue_that_was_never_got_is_fetched_with_its_whole_changelog(
    settings: Settings, site: JiraServer, rows: Query, engine: Engine
) -> None:
    unnoticed(site, engine, 7)
    unnoticed(site, engine, 8)
    assert reconcile(settings) == 2
    assert rows("select key, jsonb_array_length(changelog) from raw_jira.issues where id in ('10007', '10008')") == [
        ("PAY-7", 3),
        ("PAY-8", 3),
    ]


def test_a_change_that_was_missed_is_fetched(settings: Settings, site: JiraServer, rows: Query) -> None:
    site.put(issue(7, START + timedelta(hours=5), labels=["ours"], summary="changed unseen"))
    assert reconcile(settings) == 1
    assert rows("select fields ->> 'summary' from raw_jira.issues where key = 'PAY-7'") == [("changed unseen",)]


def test_an_issue_that_moved_bears_its_new_key_and_no_tombstone(
    settings: Settings, site: JiraServer, rows: Query
) -> None:
    # A project that is renamed changes the keys of its issues and not the date of their last change.
    site.put(issue(7, project="CARD", labels=["ours"]))
    assert reconcile(settings) == 1
    assert rows("select key from raw_jira.issues where id = '10007'") == [("CARD-7",)]
    assert rows(TOMBSTONES) == []


@pytest.mark.parametrize("accident", ["the index is empty", "every issue is hidden", "a third is hidden"])
def test_an_accident_buries_nothing(settings: Settings, site: JiraServer, rows: Query, accident: str) -> None:
    site.index_is_empty = accident == "the index is empty"
    hidden = {"the index is empty": 0, "every issue is hidden": COUNT, "a third is hidden": COUNT // 3}[accident]
    for number in range(1, hidden + 1):
        site.remove(str(10_000 + number))
    with failing_load("Nothing was changed. If that is right, run `python -m ingestion.sources.jira reconcile"):
        reconcile(settings)
    assert rows(TOMBSTONES) == []
    assert rows("select status from ops.fetch_operations order by started_at desc limit 1") == [("failure",)]


def test_a_person_may_say_that_it_is_no_accident(settings: Settings, site: JiraServer, rows: Query) -> None:
    for number in range(1, 101):
        site.remove(str(10_000 + number))
    with clock.stopped_at(NIGHT):
        reconcile_jira(settings, accept_losses=True)
    assert rows("select count(*) from raw_jira.tombstones where state = 'deleted'") == [(100,)]


def test_a_narrower_query_leaves_most_issues_out_of_scope_without_a_question(
    settings: Settings, site: JiraServer, rows: Query
) -> None:
    for number in range(1, 11):
        site.put(issue(number, labels=["ours", "special"]))
    narrow = settings.model_copy(update={"jira_jql": "labels = special"})
    with clock.stopped_at(NIGHT):
        pull_jira(narrow)
        reconcile_jira(narrow)
    assert rows("select state, count(*) from raw_jira.tombstones group by 1") == [("out_of_scope", COUNT - 10)]


@pytest.mark.parametrize("site", ["cloud", "data_center"], indirect=True)
def test_a_404_of_somebody_else_than_jira_deletes_nothing(settings: Settings, site: JiraServer, rows: Query) -> None:
    site.remove("10007")
    before = len(site.requests)
    reconcile_calls = 4 if site.deployment == "data_center" else 3
    site.faults.extend([None] * reconcile_calls)
    # A proxy between us and Jira answers the question for the missing issue.
    site.faults.append(Fault(404, {"Content-Type": "text/html"}, body=b"<html>Not found</html>"))
    with failing_load("404"):
        reconcile(settings)
    assert len(site.requests) == before + reconcile_calls + 1
    assert rows(TOMBSTONES) == []


def test_a_list_that_breaks_off_buries_nothing(settings: Settings, site: JiraServer, rows: Query) -> None:
    site.faults.extend([None, None, None])
    site.fault_every = (1, Fault(503))
    with failing_load("503"):
        reconcile(settings)
    assert rows(TOMBSTONES) == []


def test_before_the_first_pull_there_is_nothing_to_compare(site: JiraServer, jira_settings: JiraSettings) -> None:
    with pytest.raises(JiraError, match="pull them first, then reconcile"):
        reconcile_jira(jira_settings(site))
