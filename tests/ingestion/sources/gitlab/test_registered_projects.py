"""GitLab's projects stand in the registry under their stream, with their present name and what administrators set."""

from __future__ import annotations

from sqlalchemy import Engine, text

from core.settings import Settings
from ingestion.sources.gitlab.pull import sync_repositories
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.gitlab.server import GitLabServer, Project


def streams(engine: Engine, *organisations: str) -> None:
    with engine.begin() as connection:
        for organisation in organisations:
            connection.execute(
                text(
                    "insert into config.tech_streams (name, display_name, github_org, github_install_id)"
                    " values (:name, :name, :name, '-')"
                ),
                {"name": organisation},
            )


REGISTERED = """
    select repositories.full_name, tech_streams.name, default_branch, provider, provider_id, repositories.is_active
    from config.repositories
    inner join config.tech_streams on tech_streams.stream_id = repositories.tech_stream_id
    order by provider_id
"""


def test_new_projects_are_registered_under_the_stream_of_the_nearest_group(
    settings: Settings, gitlab: GitLabServer, engine: Engine, rows: Query
) -> None:
    streams(engine, "ACME", "acme/shop")
    gitlab.projects += [Project(3, "acme/old", default_branch=None, archived=True)]
    assert str(sync_repositories(settings)) == "3 added"
    assert rows(REGISTERED) == [
        ("acme/pay", "ACME", "main", "gitlab", "1", True),
        ("Acme/shop/web", "acme/shop", "main", "gitlab", "2", True),
        ("acme/old", "ACME", "main", "gitlab", "3", False),
    ]
    assert str(sync_repositories(settings)) == "nothing new"
    assert rows("select operation, status, rows_fetched from ops.fetch_operations") == [("sync", "success", 3)] * 2


def test_a_project_of_no_stream_is_told_and_not_registered(settings: Settings, rows: Query) -> None:
    assert sync_repositories(settings).without_stream == ["acme/pay", "Acme/shop/web"]
    assert rows(REGISTERED) == []


def test_a_new_name_keeps_the_row_and_what_an_administrator_set(
    settings: Settings, gitlab: GitLabServer, engine: Engine, rows: Query
) -> None:
    streams(engine, "acme", "other")
    sync_repositories(settings)
    with engine.begin() as connection:
        connection.execute(
            text(
                "update config.repositories set default_branch = 'trunk', is_deployable = false, tech_stream_id ="
                " (select stream_id from config.tech_streams where name = 'other') where provider_id = '1'"
            )
        )
    for name in ("acme/payments", "acme/money"):
        gitlab.projects[0].path = name
        assert sync_repositories(settings).renamed == [name]
    gitlab.projects[0].archived = True
    assert sync_repositories(settings).archived == ["acme/money"]
    assert rows(REGISTERED)[0] == ("acme/money", "other", "trunk", "gitlab", "1", False)
    assert rows("select former_full_name, full_name from config.repository_aliases order by 1") == [
        ("acme/pay", "acme/money"),
        ("acme/payments", "acme/money"),
    ]


def test_a_row_that_was_made_by_hand_is_taken_over(settings: Settings, engine: Engine, rows: Query) -> None:
    streams(engine, "acme")
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name)"
                " select stream_id, 'acme', 'pay', 'acme/pay' from config.tech_streams"
            )
        )
    assert sync_repositories(settings).added == ["Acme/shop/web"]
    assert rows(REGISTERED)[0] == ("acme/pay", "acme", "main", "gitlab", "1", True)


def test_a_name_that_another_providers_repository_has_is_told(settings: Settings, engine: Engine, rows: Query) -> None:
    streams(engine, "acme")
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into config.repositories"
                " (tech_stream_id, github_org, github_repo_name, full_name, provider, provider_id)"
                " select stream_id, 'acme', 'pay', 'acme/pay', 'github', '77' from config.tech_streams"
            )
        )
    assert sync_repositories(settings).in_conflict == ["acme/pay"]
    assert ("acme/pay", "acme", "main", "github", "77", True) in rows(REGISTERED)
