"""Pull requests, releases and deployments of GitHub come whole, once, and without people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import clock
from core.privacy import Pseudonymiser
from core.settings import Settings, SettingsError
from ingestion.sources.github import IncompleteError
from ingestion.sources.github.pull import is_configured, pull_github
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.github.conftest import ACME, ALICE, BOB, CAROL, NOW
from tests.ingestion.sources.github.model import START, Deployment, Pull, Release, Repo, Review, at
from tests.ingestion.sources.github.server import GithubServer


def everything(rows: Query) -> list[object]:
    """All that was fetched, apart from when."""
    return [
        rows(f"select to_jsonb(t) - '_dlt_id' - '_dlt_load_id' - 'fetched_at' from raw_github.{name} as t order by 1")
        for name in ("pull_requests", "releases", "deployments")
    ]


@pytest.mark.usefixtures("beta")
def test_the_past_of_every_organisation_is_read(app: Settings, rows: Query) -> None:
    pull_github(app)
    assert rows("select repo_full_name, count(*) from raw_github.pull_requests group by 1 order by 1") == [
        ("acme/ledger", 2),
        ("acme/payments", 130),
        ("beta/reports", 2),
    ]
    assert rows("select count(*), min(tag_name), max(sha) from raw_github.releases") == [(5, "v1", "c" * 40)]
    assert rows("select count(*) from raw_github.deployments") == [(7,)]


def test_reviews_and_commits_beyond_the_first_page_are_read(app: Settings, rows: Query) -> None:
    pull_github(app)
    [(reviews, commits, number)] = rows(
        "select reviews, commits, pull_request ->> 'commits' from raw_github.pull_requests "
        "where repo_full_name = 'acme/payments' and pr_number = 1"
    )
    assert [review["id"] for review in reviews] == list(range(1, 46))
    assert len({commit["sha"] for commit in commits}) == 130
    assert commits[0] == {"sha": f"{1:08x}{1:032x}", "authored_at": at(0), "committed_at": at(0)}
    assert number == "130"


def test_nothing_older_than_the_backfill_is_read(app: Settings, site: GithubServer, rows: Query) -> None:
    site.repository("acme/ledger").pulls = [Pull(1, 0), Pull(2, 0, updated=3 * 24 * 60), Pull(3, 12 * 24 * 60)]
    pull_github(app.model_copy(update={"backfill_days": 13}))
    assert rows("select pr_number from raw_github.pull_requests where repo_full_name = 'acme/ledger' order by 1") == [
        (2,),
        (3,),
    ]


def test_a_second_pull_changes_nothing_and_asks_little(app: Settings, site: GithubServer, rows: Query) -> None:
    pull_github(app)
    before = rows("select _dlt_load_id, _dlt_id, fetched_at from raw_github.pull_requests order by 2")
    asked = len(site.requests)
    with clock.stopped_at(NOW + timedelta(hours=1)):
        results = pull_github(app)
    assert [result.rows for result in results] == [0]
    assert rows("select _dlt_load_id, _dlt_id, fetched_at from raw_github.pull_requests order by 2") == before
    # The installations; the token, the list of repositories, and one question for each kind.
    assert len(site.requests) - asked == 1 + 1 + 1 + 3


def test_what_changed_since_is_read_again(app: Settings, site: GithubServer, rows: Query) -> None:
    pull_github(app)
    minutes = (NOW + timedelta(hours=2) - START).total_seconds() / 60
    ledger = site.repository("acme/ledger")
    ledger.pulls[0].merged = minutes
    ledger.pulls.append(Pull(3, minutes))
    site.repository("acme/payments").deployments[-1].statuses.append((minutes, "inactive"))
    site.repository("acme/payments").releases.append(Release(9, minutes, "v9"))
    with clock.stopped_at(NOW + timedelta(hours=3)):
        results = pull_github(app)
    assert sum(result.rows for result in results) == 4
    assert rows("select pr_number from raw_github.pull_requests where pull_request ->> 'merged' = 'true' "
                "and repo_full_name = 'acme/ledger'") == [(1,)]  # fmt: skip
    assert rows("select statuses -> -1 ->> 'state' from raw_github.deployments where deployment_id = '7'") == [
        ("inactive",)
    ]
    assert rows("select count(*) from raw_github.releases where tag_name = 'v9'") == [(1,)]


def test_a_raw_table_that_was_emptied_is_filled_again(app: Settings, rows: Query, engine) -> None:  # type: ignore[no-untyped-def]
    pull_github(app)
    before = everything(rows)
    with engine.begin() as connection:
        connection.exec_driver_sql("truncate raw_github.pull_requests")
    pull_github(app)
    assert everything(rows) == before


def test_a_longer_backfill_reads_the_past_anew(app: Settings, rows: Query) -> None:
    pull_github(app.model_copy(update={"backfill_days": 1}))
    assert rows("select count(*) from raw_github.pull_requests") == [(0,)]
    pull_github(app)
    assert rows("select count(*) from raw_github.pull_requests") == [(132,)]


def test_progress_is_on_record(app: Settings, rows: Query) -> None:
    pull_github(app)
    recorded = rows(
        "select operation, query, status, rows_fetched, progress, api_calls > 0, rate_limit_remaining > 4900 "
        "from ops.fetch_operations order by operation, query"
    )
    assert recorded[0] == ("list", "installations", "success", 1, None, True, True)
    assert [row[:4] for row in recorded[1:]] == [
        ("pull", "acme", "success", 144),
    ]
    assert all("deployments" in row[4] and row[5] and row[6] for row in recorded[1:])


def test_progress_is_told_in_words(app: Settings, log_lines) -> None:  # type: ignore[no-untyped-def]
    pull_github(app)
    assert "acme/payments: 50 of 130 pull requests" in log_lines.getvalue()


def test_a_pull_request_says_the_same_by_query_as_by_webhook(person: Settings, site: GithubServer, rows: Query) -> None:
    pull = Pull(
        7, 10, by=ALICE, title="PAY-7 It", body="fixes @bob-of-tests", branch="alice-of-tests/PAY-7", merged=200,
        ready=20, labels=("hotfix",), comments=3,
        reviews=[Review(70, 30, "changes_requested", BOB, comments=2), Review(71, 40, "approved", CAROL, comments=1)],
    )  # fmt: skip
    repository = Repo(301, ACME, "api", pulls=[pull])
    site.repositories = [repository]
    pull_github(person.model_copy(update={"github_organisations": ("acme",)}))
    [(stored, reviews, described, ready_at)] = rows(
        "select pull_request, reviews, repository, ready_at from raw_github.pull_requests"
    )
    by_webhook = Pseudonymiser("the pseudonym key of the tests").clean(
        {
            "pull_request": pull.rest(repository),
            "repository": repository.rest,
            "reviews": [review.rest(pull) for review in pull.reviews],
        }
    )
    for name, value in by_webhook["pull_request"].items():
        if name == "base":
            assert stored[name] == {"ref": "main", "sha": "b" * 40}
        elif name == "labels":
            assert stored[name] == [{"name": "hotfix"}]
        elif name == "head":
            assert {part: stored[name][part] for part in ("ref", "sha")} == {
                part: value[part] for part in ("ref", "sha")
            }
        else:
            assert stored[name] == value, name
    assert reviews == [{key: review[key] for key in reviews[0]} for review in by_webhook["reviews"]]
    assert {name: by_webhook["repository"][name] for name in described} == described
    assert ready_at.strftime("%Y-%m-%dT%H:%M:%SZ") == at(20)


def test_bots_and_deleted_accounts_have_the_name_that_webhooks_give_them(
    app: Settings, site: GithubServer, rows: Query
) -> None:
    site.repository("acme/ledger").pulls = [Pull(1, 5, by=None, reviews=[Review(1, 6, by=None)])]
    pull_github(app)
    pseudonymiser = Pseudonymiser("the pseudonym key of the tests")
    assert rows("select pull_request -> 'user' from raw_github.pull_requests where pr_number = 130") == [
        ({"person_hash": pseudonymiser.hash("dependabot[bot]"), "type": "Bot"},)
    ]
    assert rows("select pull_request -> 'user', reviews -> 0 -> 'user' from raw_github.pull_requests "
                "where repo_full_name = 'acme/ledger'") == [
        ({"person_hash": pseudonymiser.hash("ghost"), "type": "User"}, None)
    ]  # fmt: skip


def test_a_review_that_was_not_submitted_is_no_review(app: Settings, rows: Query) -> None:
    pull_github(app)
    assert rows("select reviews from raw_github.pull_requests where pr_number = 130") == [
        (
            [
                {
                    "id": 900,
                    "node_id": "PRR_900",
                    "user": {
                        "person_hash": Pseudonymiser("the pseudonym key of the tests").hash(BOB.login),
                        "type": "User",
                    },
                    "state": "approved",
                    "submitted_at": at(1_405),
                    "commit_id": f"{130:08x}{2:032x}",
                }
            ],
        )
    ]


def test_a_release_without_a_tag_and_a_draft_are_read_and_their_tags_name_nobody(
    app: Settings, site: GithubServer, rows: Query
) -> None:
    site.repository("acme/ledger").releases = [
        Release(11, 10, f"{CAROL.login}/trial", has_tag=False),
        Release(12, 20, "v2", is_draft=True, by=None),
    ]
    pull_github(app)
    pseudonym = Pseudonymiser("the pseudonym key of the tests").hash(CAROL.login)[:16]
    assert rows("select release_id, tag_name, sha, is_draft, published_at is null from raw_github.releases "
                "where repo_full_name = 'acme/ledger' order by 1") == [
        ("11", f"person-{pseudonym}/trial", None, False, False),
        ("12", "v2", "c" * 40, True, True),
    ]  # fmt: skip


def test_a_deployment_has_its_statuses_oldest_first_and_in_small_letters(
    app: Settings, site: GithubServer, rows: Query
) -> None:
    statuses = [(10 + number, "in_progress") for number in range(24)] + [(60.0, "success")]
    site.repository("acme/ledger").deployments = [Deployment(90, 10, statuses, ref=None)]
    pull_github(app)
    [(deployment, stored, updated_at)] = rows(
        "select deployment, statuses, updated_at from raw_github.deployments where deployment_id = '90'"
    )
    assert [status["created_at"] for status in stored] == [at(minutes) for minutes, _ in statuses]
    assert stored[-1]["state"] == "success"
    assert (deployment["id"], deployment["sha"], deployment["ref"], deployment["environment"]) == (
        90, "d" * 40, None, "production",
    )  # fmt: skip
    assert updated_at.strftime("%Y-%m-%dT%H:%M:%SZ") == at(60)


def test_nobody_is_named_anywhere(app: Settings, rows: Query, log_lines) -> None:  # type: ignore[no-untyped-def]
    pull_github(app)
    recorded = rows("select to_jsonb(t)::text from ops.fetch_operations as t")
    stored = f"{everything(rows)} {recorded}"
    for name in (ALICE.login, BOB.login, CAROL.login, "installation-token"):
        assert name not in stored
        assert name not in log_lines.getvalue()


def test_the_repositories_of_a_person_carry_a_pseudonym(
    person: Settings, site: GithubServer, rows: Query, log_lines
) -> None:  # type: ignore[no-untyped-def]
    own = Repo(301, ALICE, "notes", pulls=[Pull(1, 5)])
    site.repositories.append(own)
    assert is_configured(person)
    pull_github(person)
    [(name, described)] = rows("select repo_full_name, repository ->> 'full_name' from raw_github.pull_requests")
    by_webhook = Pseudonymiser("the pseudonym key of the tests").clean({"repository": own.rest})
    assert name == described == by_webhook["repository"]["full_name"]
    told = log_lines.getvalue() + str(rows("select to_jsonb(t) from ops.fetch_operations as t"))
    assert name in told
    assert ALICE.login not in told


def test_a_repository_that_an_admin_switched_off_is_not_read(app: Settings, rows: Query, engine) -> None:  # type: ignore[no-untyped-def]
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "with stream as (insert into config.tech_streams (name, display_name, github_org, github_install_id) "
            "values ('a', 'A', 'acme', '1') returning stream_id) insert into config.repositories "
            "(tech_stream_id, github_org, github_repo_name, full_name, is_active, provider_id) "
            "select stream_id, 'acme', 'payments', 'acme/payments', false, '101' from stream"
        )
    pull_github(app)
    assert rows("select distinct repo_full_name from raw_github.pull_requests") == [("acme/ledger",)]


def test_without_an_app_and_a_token_the_missing_secret_is_named(raw_tables: Settings) -> None:
    assert not is_configured(raw_tables)
    with pytest.raises(SettingsError, match="github_token"):
        pull_github(raw_tables)


def test_a_wrong_key_is_named_and_never_shown(app: Settings, rows: Query) -> None:
    (app.secrets_path / "github_app_private_key").write_text("-----BEGIN NOTHING-----")
    with pytest.raises(IncompleteError, match="github_app_private_key is not the PEM file of an RSA key") as failure:
        pull_github(app)
    assert "NOTHING" not in str(failure.value)
    assert rows("select status from ops.fetch_operations") == [("failure",)]
