"""The registry of repositories follows GitHub, and keeps what an admin chose."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from core.settings import Settings
from ingestion.sources.github import IncompleteError
from ingestion.sources.github.pull import sync_repositories
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.github.conftest import ACME, ALICE, BETA
from tests.ingestion.sources.github.model import Repo
from tests.ingestion.sources.github.server import Fault, GithubServer

REGISTERED = "select full_name, provider_id, default_branch, is_active from config.repositories order by 1"
ALIASES = "select former_full_name, full_name from config.repository_aliases order by 1"


@pytest.fixture
def streams(engine: Engine, app: Settings, site: GithubServer) -> None:
    """Both organisations are tech streams; what the App sees of the second is the test's choice."""
    site.repositories[:2] = [Repo(101, ACME, "payments"), Repo(102, ACME, "api")]
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into config.tech_streams (name, display_name, github_org, github_install_id) values "
                "('core', 'Core', 'acme', '1'), ('data', 'Data', 'Beta', '2')"
            )
        )


def change(engine: Engine, statement: str) -> None:
    """What an admin does."""
    with engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.usefixtures("beta", "streams")
def test_new_repositories_of_a_tech_stream_are_registered(app: Settings, rows: Query) -> None:
    sync_repositories(app)
    assert rows(REGISTERED) == [
        ("acme/api", "102", "main", True),
        ("acme/payments", "101", "main", True),
        ("beta/reports", "201", "trunk", True),
    ]
    assert rows("select full_name, installation_id, is_archived from raw_github.repositories order by 1") == [
        ("acme/api", "1", False),
        ("acme/payments", "1", False),
        ("beta/reports", "2", False),
    ]
    before = rows("select _dlt_id from raw_github.repositories order by 1")
    assert sum(result.rows for result in sync_repositories(app)) == 0
    assert rows("select _dlt_id from raw_github.repositories order by 1") == before


def test_an_organisation_that_is_no_stream_registers_nothing(app: Settings, rows: Query) -> None:
    sync_repositories(app)
    assert rows(REGISTERED) == []
    assert rows("select count(*) from raw_github.repositories") == [(2,)]


@pytest.mark.usefixtures("streams")
def test_a_new_name_leaves_an_alias_and_keeps_what_an_admin_chose(
    app: Settings, site: GithubServer, engine: Engine, rows: Query
) -> None:
    sync_repositories(app)
    change(engine, "update config.repositories set is_deployable = false, deploy_target = 'ecs:pay' "
                   "where full_name = 'acme/payments'")  # fmt: skip
    [(repo_id,)] = rows("select repo_id from config.repositories where full_name = 'acme/payments'")
    site.repositories[0].name = "billing"
    sync_repositories(app)
    site.repositories[0].name = "money"
    sync_repositories(app)
    assert rows("select repo_id, full_name, github_repo_name, is_deployable, deploy_target from config.repositories "
                "where provider_id = '101'") == [(repo_id, "acme/money", "money", False, "ecs:pay")]  # fmt: skip
    assert rows(ALIASES) == [("acme/billing", "acme/money"), ("acme/payments", "acme/money")]
    site.repositories[0].name = "payments"
    sync_repositories(app)
    assert rows(ALIASES) == [("acme/billing", "acme/payments"), ("acme/money", "acme/payments")]


@pytest.mark.usefixtures("streams")
def test_two_repositories_may_swap_their_names(app: Settings, site: GithubServer, rows: Query) -> None:
    sync_repositories(app)
    site.repositories[0].name, site.repositories[1].name = "api", "payments"
    sync_repositories(app)
    assert rows("select full_name, provider_id from config.repositories where github_org = 'acme' order by 1") == [
        ("acme/api", "101"),
        ("acme/payments", "102"),
    ]
    assert rows(ALIASES) == []


@pytest.mark.usefixtures("beta", "streams")
def test_a_transferred_repository_moves_to_the_other_stream(app: Settings, site: GithubServer, rows: Query) -> None:
    sync_repositories(app)
    site.repositories[0].owner = BETA
    sync_repositories(app)
    assert rows("select r.full_name, r.github_org, t.name from config.repositories as r "
                "join config.tech_streams as t on t.stream_id = r.tech_stream_id where provider_id = '101'") == [
        ("beta/payments", "beta", "data")
    ]  # fmt: skip
    assert rows(ALIASES) == [("acme/payments", "beta/payments")]


@pytest.mark.usefixtures("streams")
def test_archiving_switches_off_and_back_but_not_what_an_admin_switched_off(
    app: Settings, site: GithubServer, engine: Engine, rows: Query
) -> None:
    sync_repositories(app)
    change(engine, "update config.repositories set is_active = false where full_name = 'acme/api'")
    site.repositories[0].is_archived = True
    sync_repositories(app)
    assert [row[3] for row in rows(REGISTERED)] == [False, False]
    site.repositories[0].is_archived = False
    sync_repositories(app)
    assert [row[3] for row in rows(REGISTERED)] == [False, True]


@pytest.mark.usefixtures("streams")
def test_a_repository_that_was_registered_by_hand_gets_its_number(app: Settings, engine: Engine, rows: Query) -> None:
    change(engine, "insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name, "
                   "is_deployable) select stream_id, 'acme', 'api', 'acme/api', false from config.tech_streams "
                   "where name = 'core'")  # fmt: skip
    sync_repositories(app)
    assert rows("select provider_id, is_deployable from config.repositories where full_name = 'acme/api'") == [
        ("102", False)
    ]


@pytest.mark.usefixtures("streams")
def test_a_name_that_another_provider_has_stays_with_it(app: Settings, engine: Engine, rows: Query) -> None:
    change(engine, "insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name, "
                   "provider, provider_id) select stream_id, 'acme', 'api', 'acme/api', 'gitlab', '7' "
                   "from config.tech_streams where name = 'core'")  # fmt: skip
    sync_repositories(app)
    assert rows("select full_name, provider from config.repositories order by 1") == [
        ("acme/api", "gitlab"),
        ("acme/payments", "github"),
    ]


@pytest.mark.usefixtures("beta", "streams")
def test_one_organisation_that_fails_changes_nothing_of_it_and_stops_no_other(
    app: Settings, site: GithubServer, rows: Query
) -> None:
    # The installations twice, the token of the first organisation; then its list is not allowed.
    site.faults.extend([None, None, None, Fault(404, {}, {"message": "Not Found"})])
    with pytest.raises(IncompleteError, match="acme: GithubError: GET /installation/repositories: 404") as failure:
        sync_repositories(app)
    assert len(failure.value.results) == 1
    del failure
    assert rows(REGISTERED) == [("beta/reports", "201", "trunk", True)]
    assert rows("select query, status from ops.fetch_operations where query <> 'installations' order by 1") == [
        ("acme", "failure"),
        ("beta", "success"),
    ]


@pytest.mark.usefixtures("beta", "streams")
def test_installations_are_known_with_their_state(app: Settings, site: GithubServer, rows: Query) -> None:
    states = "select installation_id, account_login, state from config.github_installations order by 1"
    sync_repositories(app)
    assert rows(states) == [("1", "acme", "active"), ("2", "beta", "active")]
    site.installations[0].is_suspended = True
    site.installations.pop()
    sync_repositories(app)
    assert rows(states) == [("1", "acme", "suspended"), ("2", "beta", "removed")]


def test_the_login_of_a_repositorys_owner_is_not_written(
    person: Settings, site: GithubServer, rows: Query, log_lines: object, tmp_path: Path
) -> None:
    site.repositories = [Repo(301, ALICE, "notes")]
    sync_repositories(person)
    [(name,)] = rows("select full_name from raw_github.repositories")
    assert name.startswith("person-")
    assert name.endswith("/notes")
    stored = rows("select to_jsonb(t)::text from raw_github.repositories as t union all "
                  "select to_jsonb(t)::text from ops.fetch_operations as t")  # fmt: skip
    assert ALICE.login not in str(stored)
