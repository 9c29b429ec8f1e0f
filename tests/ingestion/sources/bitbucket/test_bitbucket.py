"""Bitbucket's pull requests and pipelines come whole, once, and without people, whatever the network does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from core import clock
from core.settings import Settings, SettingsError
from ingestion.pipelines import LoadResult
from ingestion.sources import changes, http
from ingestion.sources.bitbucket.pull import pull_bitbucket, sync_repositories
from ingestion.sources.changes import BrokenRepositories
from tests.ingestion.sources.bitbucket.server import BitbucketServer, Repo
from tests.ingestion.sources.bitbucket.things import (
    PRODUCTION,
    START,
    account,
    at,
    deployment,
    pipeline,
    pull_request,
)
from tests.ingestion.sources.conftest import Query, failing_load
from tests.ingestion.sources.vendor_server import TOKEN, Fault, Request

PULL_REQUESTS = """
    select repo_full_name, pr_number, updated_at, pull_request, activity
    from raw_bitbucket.pull_requests
    order by repo_full_name, pr_number
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(http, "FIRST_DELAY_SECONDS", 0.001)
    with clock.stopped_at(START + timedelta(days=30)):
        yield


@pytest.fixture
def repo() -> Repo:
    """A repository with seven pull requests in all states, and two pipelines of which one deployed."""
    states = ("OPEN", "MERGED", "DECLINED", "SUPERSEDED", "OPEN", "OPEN", "OPEN")
    first, second = pipeline(31, 60), pipeline(32, 70, None)
    return Repo(
        "acme/pay",
        "{repo-1}",
        pull_requests=[pull_request(number, state=state) for number, state in enumerate(states, start=1)],
        pipelines=[first, second],
        deployments=[deployment(41, first, 61)],
        environments=[PRODUCTION],
    )


@pytest.fixture
def bitbucket(repo: Repo) -> Iterator[BitbucketServer]:
    with BitbucketServer(repo, Repo("acme/web", "{repo-2}", branch=None), page_size=3) as server:
        yield server


@pytest.fixture
def settings(raw_tables: Settings, bitbucket: BitbucketServer) -> Settings:
    (raw_tables.secrets_path).mkdir(parents=True, exist_ok=True)
    (raw_tables.secrets_path / "bitbucket_token").write_text(TOKEN)
    return raw_tables.model_copy(update={"bitbucket_api_url": bitbucket.address, "bitbucket_workspaces": ("acme",)})


def fetched(results: list[LoadResult]) -> int:
    return sum(result.rows for result in results)


def test_everything_comes_once_in_every_state(settings: Settings, rows: Query) -> None:
    assert fetched(pull_bitbucket(settings)) == 9
    assert [(row.pr_number, row.pull_request["state"]) for row in rows(PULL_REQUESTS)] == [
        (1, "OPEN"), (2, "MERGED"), (3, "DECLINED"), (4, "SUPERSEDED"), (5, "OPEN"), (6, "OPEN"), (7, "OPEN"),
    ]  # fmt: skip
    assert rows("select pipeline -> 'state', deployments from raw_bitbucket.pipelines order by pipeline_id") == [
        (
            {"name": "COMPLETED", "result": "SUCCESSFUL"},
            [
                {
                    "uuid": "{deployment-41}", "state": "COMPLETED", "status": "SUCCESSFUL", "started_on": at(61),
                    "completed_on": at(63), "environment": "Live", "environment_type": "Production",
                    "commit": f"{31:040x}",
                }
            ],
        ),
        ({"name": "IN_PROGRESS", "result": None}, []),
    ]  # fmt: skip


def test_a_second_pull_fetches_nothing_and_changes_nothing(
    settings: Settings, bitbucket: BitbucketServer, rows: Query
) -> None:
    pull_bitbucket(settings)
    before = rows(PULL_REQUESTS)
    bitbucket.requests.clear()
    assert fetched(pull_bitbucket(settings)) == 0
    assert rows(PULL_REQUESTS) == before
    assert not [path for path in bitbucket.paths() if "/pullrequests/" in path]


def test_what_changed_since_is_fetched_and_replaces_what_was_known(
    settings: Settings, bitbucket: BitbucketServer, repo: Repo, rows: Query
) -> None:
    pull_bitbucket(settings)
    repo.pull_requests[2] = pull_request(3, 90, state="MERGED", merge_commit={"hash": "abcdef012345"})
    # The pipeline has ended, and the one before was deployed again.
    repo.pipelines[1] = pipeline(32, 70, "FAILED")
    repo.deployments.append(deployment(42, repo.pipelines[0], 95, "FAILED"))
    assert fetched(pull_bitbucket(settings)) == 3
    [row] = rows("select pull_request from raw_bitbucket.pull_requests where pr_number = 3")
    assert row.pull_request["merge_commit"] == {"hash": "abcdef012345".ljust(40, "0")}
    assert rows("select updated_at, jsonb_array_length(deployments) from raw_bitbucket.pipelines order by 1") == [
        (START + timedelta(minutes=71), 0),
        (START + timedelta(minutes=97), 2),
    ]


def test_an_old_pipeline_that_deploys_now_is_fetched_again(settings: Settings, repo: Repo, rows: Query) -> None:
    week = 7 * 24 * 60
    repo.pipelines.append(pipeline(33, week))
    pull_bitbucket(settings)
    repo.deployments.append(deployment(43, repo.pipelines[1], week + 5))
    assert fetched(pull_bitbucket(settings)) == 1
    assert rows("select pipeline ->> 'build_number' from raw_bitbucket.pipelines where deployments @> '[{}]'") == [
        ("31",),
        ("32",),
    ]


def test_a_pull_request_that_changes_while_pages_are_read_makes_no_other_one_fall_through(
    settings: Settings, bitbucket: BitbucketServer, repo: Repo, rows: Query
) -> None:
    def change(_request: Request) -> None:
        if len([path for path in bitbucket.paths() if path.endswith("acme/pay/pullrequests")]) == 2:
            repo.pull_requests[0] = pull_request(1, 95)

    bitbucket.before_page = change
    pull_bitbucket(settings)
    assert next(row.updated_at for row in rows(PULL_REQUESTS)) == START + timedelta(minutes=95)
    assert [row.pr_number for row in rows(PULL_REQUESTS)] == list(range(1, 8))


def test_more_of_one_instant_than_a_page_holds(settings: Settings, repo: Repo, rows: Query) -> None:
    repo.pull_requests = [pull_request(number, 5) for number in range(1, 12)]
    pull_bitbucket(settings)
    assert [row.pr_number for row in rows(PULL_REQUESTS)] == list(range(1, 12))


def test_activity_commits_and_sizes_of_a_pull_request(
    settings: Settings, bitbucket: BitbucketServer, repo: Repo, rows: Query
) -> None:
    update = {"state": "OPEN", "date": at(4), "author": account("author"), "source": {"commit": {"hash": "1" * 12}}}
    comment = {"id": 5, "created_on": at(6), "user": account("reviewer"), "content": {"raw": "no"}, "deleted": False}
    repo.parts = {
        (1, "activity"): [
            {"approval": {"date": at(9), "user": account("reviewer"), "pullrequest": {"id": 1}}},
            {"changes_requested": {"date": at(8), "user": account("reviewer")}},
            {"comment": {**comment, "id": 6, "deleted": True}},
            {"comment": comment},
            {"update": {**update, "title": "by zoltan"}},
        ],
        (1, "commits"): [{"hash": "c" * 40, "date": at(1), "author": {"raw": "Zoltan <zoltan@example.org>"}}],
        (1, "diffstat"): [{"lines_added": 3, "lines_removed": 1}, {"lines_added": 2, "lines_removed": 0}],
    }
    pull_bitbucket(settings)
    [row] = rows("select activity, commits, diffstat from raw_bitbucket.pull_requests where pr_number = 1")
    assert [next(iter(each)) for each in row.activity] == ["approval", "changes_requested", "comment", "update"]
    assert row.activity[2]["comment"].keys() == {"id", "created_on", "user"}
    assert row.activity[3]["update"]["source"]["commit"] == {"hash": "1" * 12}
    assert row.commits == [{"hash": "c" * 40, "date": at(1)}]
    assert row.diffstat == {"lines_added": 5, "lines_removed": 1, "files_changed": 2}


def test_a_pull_request_whose_branch_is_gone_comes_without_commits_and_sizes(
    settings: Settings, repo: Repo, rows: Query
) -> None:
    repo.gone = {(1, "commits"), (1, "diffstat")}
    pull_bitbucket(settings)
    [row] = rows("select commits, diffstat from raw_bitbucket.pull_requests where pr_number = 1")
    assert tuple(row) == ([], None)


def test_nothing_that_names_a_person_is_written(settings: Settings, repo: Repo, engine: Engine) -> None:
    repo.pull_requests = [
        pull_request(
            1,
            author=account("zoltan"),
            closed_by=account("zoltan"),
            title="PAY-1 for zoltan",
            description="@{zoltan-0000-uuid} asked, zoltan@example.org",
            source={"branch": {"name": "zoltan/pay-1"}, "commit": {"hash": "1" * 12}},
        )
    ]
    repo.parts = {(1, "activity"): [{"approval": {"date": at(9), "user": account("zoltan")}}]}
    repo.pipelines = [pipeline(31, 60, creator=account("zoltan"))]
    pull_bitbucket(settings)
    with engine.connect() as connection:
        stored = str(
            [
                connection.execute(text(f"select to_jsonb(t)::text from {table} as t")).scalars().all()
                for table in (
                    "raw_bitbucket.pull_requests", "raw_bitbucket.pipelines", "ops.fetch_operations",
                    "ops.fetch_cursors",
                )
            ]
        )  # fmt: skip
    assert "person_hash" in stored
    assert "zoltan" not in stored.lower()
    assert "example.org" not in stored


def test_too_many_requests_are_waited_out_as_long_as_bitbucket_says(
    settings: Settings, bitbucket: BitbucketServer, rows: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    bitbucket.faults.append(Fault(429, {"Retry-After": "9"}))
    assert fetched(pull_bitbucket(settings)) == 9
    assert waits == [9]
    assert rows("select rate_limit_delays from ops.fetch_operations") == [(1,)]


@pytest.mark.parametrize("fault", [Fault(500), Fault(cut=True)])
def test_a_fault_that_passes_loses_nothing(settings: Settings, bitbucket: BitbucketServer, fault: Fault) -> None:
    bitbucket.fault_every = (5, fault)
    assert fetched(pull_bitbucket(settings)) == 9


def test_a_broken_repository_stops_no_other_and_is_told_at_the_end(
    settings: Settings, bitbucket: BitbucketServer, rows: Query
) -> None:
    bitbucket.repositories.insert(0, Repo("acme/broken", "{repo-3}", pull_requests=[pull_request(1)]))
    bitbucket.broken["/acme/broken/"] = 403
    with pytest.raises(BrokenRepositories, match=r"acme/broken: GET /2\.0/repositories/acme/broken/pullrequests: 403"):
        pull_bitbucket(settings)
    assert len(rows(PULL_REQUESTS)) == 7
    bitbucket.broken.clear()
    assert fetched(pull_bitbucket(settings)) == 1


def test_a_pull_that_breaks_off_replaces_nothing_and_goes_on_where_the_last_piece_ended(
    settings: Settings, bitbucket: BitbucketServer, rows: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "ROWS_IN_A_PIECE", 3)
    bitbucket.faults.extend([*[None] * 22, Fault(401)])
    with failing_load("401, the token is wrong, expired or revoked"):
        pull_bitbucket(settings)
    assert [row.pr_number for row in rows(PULL_REQUESTS)] == [1, 2, 3]
    bitbucket.requests.clear()
    pull_bitbucket(settings)
    assert [row.pr_number for row in rows(PULL_REQUESTS)] == list(range(1, 8))
    assert not [path for path in bitbucket.paths() if "/pullrequests/3/" in path]


def test_a_next_page_on_another_server_is_not_asked(settings: Settings, bitbucket: BitbucketServer) -> None:
    bitbucket.faults.append(Fault(302, {"Location": "http://127.0.0.1:1/2.0/repositories/acme"}))
    with failing_load("Bitbucket named a page on another server: 127.0.0.1:1"):
        pull_bitbucket(settings)


def test_settings_that_are_missing_are_named(raw_tables: Settings) -> None:
    with pytest.raises(SettingsError, match="DPP_BITBUCKET_WORKSPACES"):
        pull_bitbucket(raw_tables)


def test_repositories_are_registered_under_the_stream_of_their_workspace(
    settings: Settings, bitbucket: BitbucketServer, engine: Engine, rows: Query
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into config.tech_streams (name, display_name, github_org, github_install_id)"
                " values ('core', 'Core', 'Acme', '-')"
            )
        )
    assert sync_repositories(settings).added == ["acme/pay", "acme/web"]
    bitbucket.repositories[1].full_name = "acme/shop"
    assert sync_repositories(settings).renamed == ["acme/shop"]
    assert rows("select full_name, provider, provider_id from config.repositories order by 3") == [
        ("acme/pay", "bitbucket", "{repo-1}"),
        ("acme/shop", "bitbucket", "{repo-2}"),
    ]
