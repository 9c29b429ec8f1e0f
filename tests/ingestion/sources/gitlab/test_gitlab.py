"""GitLab's merge requests, pipelines and deployments come whole, once, without people, whatever the network does."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings, SettingsError
from ingestion.operations import Deferred
from ingestion.pipelines import LoadResult
from ingestion.sources import changes, http
from ingestion.sources.changes import BrokenRepositories
from ingestion.sources.gitlab.pull import pull_gitlab
from tests.ingestion.sources.conftest import Query, failing_load
from tests.ingestion.sources.gitlab.server import GitLabServer, Project
from tests.ingestion.sources.gitlab.things import START, account, at, merge_request, note
from tests.ingestion.sources.vendor_server import Fault, Request

MERGE_REQUESTS = (
    "select repo_full_name, iid, updated_at, merge_request, notes from raw_gitlab.merge_requests order by 1, 2"
)


def fetched(results: list[LoadResult]) -> int:
    return sum(result.rows for result in results)


def lists(server: GitLabServer, things: str = "merge_requests") -> list[Request]:
    return [request for request in server.requests if request.path.endswith(f"/projects/1/{things}")]


def test_everything_comes_once(settings: Settings, rows: Query) -> None:
    assert fetched(pull_gitlab(settings)) == 9
    assert [row.iid for row in rows(MERGE_REQUESTS)] == list(range(1, 8))
    assert rows("select pipeline ->> 'duration', pipeline ->> 'finished_at' from raw_gitlab.pipelines") == [
        ("60", at(60))
    ]
    assert rows("select deployment -> 'environment' ->> 'tier' from raw_gitlab.deployments") == [("production",)]


def test_a_second_pull_fetches_nothing_and_changes_nothing(
    settings: Settings, gitlab: GitLabServer, rows: Query
) -> None:
    pull_gitlab(settings)
    before = rows("select _dlt_load_id, iid from raw_gitlab.merge_requests order by iid")
    gitlab.requests.clear()
    assert fetched(pull_gitlab(settings)) == 0
    assert rows("select _dlt_load_id, iid from raw_gitlab.merge_requests order by iid") == before
    # The list of projects, and one list of each kind for each of the two; no notes, no commits.
    assert len([path for path in gitlab.paths() if "/merge_requests/" in path]) == 0


def test_what_changed_since_is_fetched_and_replaces_what_was_known(
    settings: Settings, gitlab: GitLabServer, rows: Query
) -> None:
    pull_gitlab(settings)
    changed = gitlab.projects[0].merge_requests
    changed[2] = merge_request(3, 90, state="merged", merged_at=at(90))
    assert fetched(pull_gitlab(settings)) == 1
    [row] = rows("select updated_at, merge_request ->> 'state' from raw_gitlab.merge_requests where iid = 3")
    assert row == (START + timedelta(minutes=90), "merged")


def test_the_first_pull_looks_back_as_far_as_the_settings_say(settings: Settings, gitlab: GitLabServer) -> None:
    pull_gitlab(settings.model_copy(update={"backfill_days": 30}))
    assert lists(gitlab)[0].one("updated_after") == "2026-01-05T09:00:00.000000Z"


def test_a_merge_request_that_changes_while_pages_are_read_makes_no_other_one_fall_through(
    settings: Settings, gitlab: GitLabServer, rows: Query
) -> None:
    def change(request: Request) -> None:
        # After the first page its first merge request changes: all behind it move up by one.
        if request.path.endswith("/projects/1/merge_requests") and len(lists(gitlab)) == 2:
            gitlab.projects[0].merge_requests[0] = merge_request(1, 95)

    gitlab.before_page = change
    pull_gitlab(settings)
    assert next((row.iid, row.updated_at) for row in rows(MERGE_REQUESTS)) == (1, START + timedelta(minutes=95))
    assert [row.iid for row in rows(MERGE_REQUESTS)] == list(range(1, 8))


def test_more_of_one_instant_than_a_page_holds(settings: Settings, gitlab: GitLabServer, rows: Query) -> None:
    gitlab.projects[0].merge_requests = [merge_request(number, 5) for number in range(1, 12)]
    pull_gitlab(settings)
    assert [row.iid for row in rows(MERGE_REQUESTS)] == list(range(1, 12))


def test_notes_commits_heads_and_sizes_of_a_merge_request(
    settings: Settings, gitlab: GitLabServer, rows: Query
) -> None:
    gitlab.projects[0].parts = {
        (1, "notes"): [
            note(1, "approved this merge request", 10),
            note(2, "assigned to @zoltan", 11),
            note(3, "I, zoltan@example.org, would rather not", 12, "zoltan", system=False),
            note(4, "marked this merge request as **draft**", 13),
            note(5, "added 2 commits", 14),
            note(6, "requested changes", 15),
        ],
        (1, "commits"): [
            {
                "id": "c" * 40, "authored_date": at(1), "committed_date": at(2), "author_name": "Zoltan Example",
                "author_email": "zoltan@example.org", "message": "by zoltan",
            }
        ],
        (1, "versions"): [{"id": 7, "head_commit_sha": "c" * 40, "created_at": at(3), "state": "collected"}],
        (1, "diffs"): [
            {"new_path": "a.py", "diff": "@@ -1,2 +1,3 @@\n-old\n+new\n+newer\n same\n"},
            {"new_path": "b.py", "diff": "@@ -0,0 +1 @@\n+only\n"},
        ],
    }  # fmt: skip
    pull_gitlab(settings)
    [row] = rows("select notes, commits, versions, diffstat from raw_gitlab.merge_requests where iid = 1")
    assert [(each["id"], each.get("body")) for each in row.notes] == [
        (1, "approved this merge request"),
        (3, None),
        (4, "marked this merge request as **draft**"),
        (6, "requested changes"),
    ]
    assert row.commits == [{"id": "c" * 40, "authored_date": at(1), "committed_date": at(2)}]
    assert row.versions == [{"head_commit_sha": "c" * 40, "created_at": at(3)}]
    assert row.diffstat == {"lines_added": 3, "lines_removed": 1, "files_changed": 2}


def test_a_diff_too_large_for_gitlab_leaves_the_lines_unknown(
    settings: Settings, gitlab: GitLabServer, rows: Query
) -> None:
    gitlab.projects[0].parts = {(1, "diffs"): [{"diff": "", "too_large": True}, {"diff": "+one\n"}]}
    pull_gitlab(settings)
    [row] = rows("select diffstat from raw_gitlab.merge_requests where iid = 1")
    assert row.diffstat == {"lines_added": None, "lines_removed": None, "files_changed": 2}


def test_nothing_that_names_a_person_is_written(settings: Settings, gitlab: GitLabServer, engine: Engine) -> None:
    gitlab.projects[0].merge_requests = [
        merge_request(
            1,
            author=account("zoltan"),
            title="PAY-1 for zoltan",
            description="@zoltan asked, zoltan@example.org",
            source_branch="zoltan/pay-1",
            merged_by=account("zoltan"),
            reviewers=[account("zoltan")],
            state="merged",
        )
    ]
    gitlab.projects[0].parts = {(1, "notes"): [note(1, "approved this merge request", 10, "zoltan")]}
    pull_gitlab(settings)
    with engine.connect() as connection:
        stored = "\n".join(
            connection.execute(text(f"select to_jsonb(t)::text from {table} as t")).scalars().all().__str__()
            for table in (
                "raw_gitlab.merge_requests", "raw_gitlab.pipelines", "raw_gitlab.deployments", "ops.fetch_operations",
                "ops.fetch_cursors",
            )
        )  # fmt: skip
    assert "zoltan" not in stored.lower()
    assert "example.org" not in stored
    # The hash that a webhook gives the same person.
    pseudonymiser = Pseudonymiser(secrets_for(settings).get("pseudonym_key"))
    assert pseudonymiser.clean({"author_id": account("zoltan")["id"]})["author_id"] in stored


@pytest.mark.parametrize("username", ["project_12_bot_4ffca2", "group_3_bot", "service_account_group_3_a1"])
def test_the_account_of_an_access_token_is_a_bot(
    settings: Settings, gitlab: GitLabServer, rows: Query, username: str
) -> None:
    gitlab.projects[0].merge_requests = [merge_request(1, author=account(username))]
    pull_gitlab(settings)
    assert rows("select merge_request -> 'author' ->> 'type' from raw_gitlab.merge_requests") == [("Bot",)]


def test_too_many_requests_are_waited_out_as_long_as_gitlab_says(
    settings: Settings, gitlab: GitLabServer, rows: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    monkeypatch.setattr(http.time, "time", lambda: 1_000.0)
    gitlab.faults.extend([Fault(429, {"Retry-After": "7"}), Fault(429, {"RateLimit-Reset": "1030"})])
    assert fetched(pull_gitlab(settings)) == 9
    assert waits == [7, 30]
    assert rows("select rate_limit_delays, rate_limit_remaining from ops.fetch_operations") == [(2, 1987)]


def test_where_gitlab_will_answer_no_more_the_rest_is_put_off_and_fetched_next_time(
    settings: Settings, gitlab: GitLabServer, rows: Query
) -> None:
    # The list of projects, a page, and four questions about each merge request: the third one stays unread.
    gitlab.faults.extend([*[None] * 10, *[Fault(429)] * http.MOST_ATTEMPTS])
    with pytest.raises(Deferred, match=r"the next pull goes on: .* 429"):
        pull_gitlab(settings)
    assert [row.iid for row in rows(MERGE_REQUESTS)] == [1, 2]
    assert rows("select status from ops.fetch_operations order by started_at, status desc") == [
        ("success",),
        ("deferred",),
    ]
    assert fetched(pull_gitlab(settings)) == 7


def test_run_alone_it_says_what_is_missing(capsys: pytest.CaptureFixture[str], raw_tables: Settings) -> None:
    assert changes.run_alone(lambda: pull_gitlab(raw_tables)) == 1
    assert "DPP_GITLAB_URL and DPP_GITLAB_GROUPS" in capsys.readouterr().err


@pytest.mark.parametrize("fault", [Fault(500), Fault(503), Fault(429), Fault(cut=True)])
def test_a_fault_that_passes_loses_nothing(settings: Settings, gitlab: GitLabServer, fault: Fault) -> None:
    gitlab.fault_every = (5, fault)
    assert fetched(pull_gitlab(settings)) == 9


def test_a_fault_that_stays_replaces_nothing(settings: Settings, gitlab: GitLabServer, rows: Query) -> None:
    pull_gitlab(settings)
    before = rows(MERGE_REQUESTS)
    gitlab.projects[0].merge_requests = [merge_request(number, 90 + number, title="new") for number in range(1, 8)]
    gitlab.fault_every = (1, Fault(503))
    with failing_load("503"):
        pull_gitlab(settings)
    assert rows(MERGE_REQUESTS) == before


def test_an_expired_token_is_told_in_a_sentence(settings: Settings, rows: Query) -> None:
    (settings.secrets_path / "gitlab_token").write_text("another-token-of-tests")
    with failing_load("401, the token is wrong, expired or revoked; make a new one with the scope read_api"):
        pull_gitlab(settings)
    [(status, message)] = rows("select status, message from ops.fetch_operations")
    assert status == "failure"
    assert "Token was revoked." in message


def test_settings_that_are_missing_are_named(raw_tables: Settings) -> None:
    with pytest.raises(SettingsError, match="DPP_GITLAB_GROUPS"):
        pull_gitlab(raw_tables.model_copy(update={"gitlab_url": "http://127.0.0.1:1"}))


def test_a_broken_project_stops_no_other_and_is_told_at_the_end(
    settings: Settings, gitlab: GitLabServer, rows: Query
) -> None:
    gitlab.projects.insert(0, Project(3, "acme/broken", merge_requests=[merge_request(1)]))
    gitlab.broken["/projects/3/"] = 403
    with pytest.raises(BrokenRepositories, match="acme/broken: GET /api/v4/projects/3/merge_requests: 403"):
        pull_gitlab(settings)
    assert len(rows(MERGE_REQUESTS)) == 7
    assert rows("select status, query from ops.fetch_operations order by started_at, status desc") == [
        ("success", None),
        ("failure", "acme/broken"),
    ]
    gitlab.broken.clear()
    assert fetched(pull_gitlab(settings)) == 1


def test_what_a_project_has_switched_off_is_not_asked_for(settings: Settings, gitlab: GitLabServer) -> None:
    gitlab.projects[1].settings = {"merge_requests_access_level": "disabled", "builds_access_level": "disabled"}
    pull_gitlab(settings)
    assert not [path for path in gitlab.paths() if "/projects/2/" in path]


def test_a_pull_that_breaks_off_goes_on_where_the_last_piece_ended(
    settings: Settings, gitlab: GitLabServer, rows: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "ROWS_IN_A_PIECE", 3)
    # The list of projects, a page, and four questions about each merge request: it breaks off in the second piece.
    gitlab.faults.extend([*[None] * 20, Fault(401)])
    with failing_load("401"):
        pull_gitlab(settings)
    assert [row.iid for row in rows(MERGE_REQUESTS)] == [1, 2, 3]
    gitlab.requests.clear()
    assert fetched(pull_gitlab(settings)) == 6
    assert [row.iid for row in rows(MERGE_REQUESTS)] == list(range(1, 8))
    assert not [path for path in gitlab.paths() if "/merge_requests/3/" in path]


def test_a_pull_that_is_killed_and_run_again_ends_as_a_quiet_one(
    settings: Settings, gitlab: GitLabServer, rows: Query, engine: Engine
) -> None:
    pull_gitlab(settings)
    quiet = rows(MERGE_REQUESTS)
    with engine.begin() as connection:
        connection.execute(
            text(
                "truncate raw_gitlab.merge_requests, raw_gitlab.pipelines, raw_gitlab.deployments, ops.fetch_cursors,"
                " ops.fetch_operations"
            )
        )
    gitlab.requests.clear()
    environment = {
        **os.environ,
        "DPP_HOME": str(settings.home),
        "DPP_ENVIRONMENT": "test",
        "DPP_DATABASE_URL": str(settings.database_url),
        "DPP_GITLAB_URL": gitlab.url,
        "DPP_GITLAB_GROUPS": '["acme"]',
    }
    process = subprocess.Popen([sys.executable, "-m", "ingestion.sources.gitlab"], env=environment)

    def kill(request: Request) -> None:
        if request.path.endswith("/pipelines"):
            process.kill()

    gitlab.before_page = kill
    assert process.wait(timeout=60) == -9
    gitlab.before_page = None
    assert rows("select status from ops.fetch_operations") == [("running",)]
    pull_gitlab(settings)
    assert rows(MERGE_REQUESTS) == quiet
