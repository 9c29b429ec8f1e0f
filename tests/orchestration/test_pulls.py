"""Sources are run by Dagster and by hand, from one table: what is not configured is left alone, failures come last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from core.settings import Settings
from ingestion.operations import Deferred
from ingestion.pipelines import prepare_raw_tables
from orchestration import commands, pulls, services
from orchestration.commands import pull_sources
from orchestration.defs.ingest import sources
from orchestration.defs.operations import reconciliation
from orchestration.errors import CommandError
from orchestration.pulls import NIGHTLY, PULLS, Pull
from tests.ingestion.sources.jira_server import EMAIL, TOKEN, JiraServer
from tests.ingestion.sources.jira_shapes import issue
from tests.ingestion.sources.repositories import Repository

BY_NAME = {pull.name: pull for pull in (*PULLS, *NIGHTLY)}


@pytest.fixture
def settings(clean_database: Engine, database: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A platform with a Jira site of three issues and a folder with one clone."""
    prepare_raw_tables(database)
    repository = Repository(tmp_path / "clones" / "acme" / "payments")
    repository.commit("the beginning")
    for name, content in {"jira_api_token": TOKEN, "pseudonym_key": "the pseudonym key of the tests"}.items():
        (tmp_path / name).write_text(content)
    with JiraServer(issue(number) for number in range(1, 4)) as site:
        yield database.model_copy(
            update={
                "secrets_folder": tmp_path,
                "jira_url": site.url,
                "jira_email": EMAIL,
                "git_folder": tmp_path / "clones",
            }
        )


def use(monkeypatch: pytest.MonkeyPatch, settings: Settings, *modules: ModuleType) -> None:
    for module in modules:
        monkeypatch.setattr(module, "get_settings", lambda: settings)


def counts(engine: Engine, *tables: str) -> list[int]:
    with engine.connect() as connection:
        return [connection.execute(text(f"select count(*) from {table}")).scalar_one() for table in tables]


def test_every_pull_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(PULLS) + len(NIGHTLY)


def test_dagster_pulls_a_source_and_reports_what_came(
    settings: Settings, clean_database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, settings, sources)
    assets = [definition for name in ("jira", "git") for definition in sources.pulled(BY_NAME[name])]
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(assets, instance=instance)
    assert result.success
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    reported = {one.asset_key.to_user_string(): one.metadata["loaded"].value for one in made}
    assert reported == {"raw_jira/issues": 3, "raw_git/commits": 1, "raw_git/pull_requests": 0, "raw_git/tags": 0}
    assert counts(clean_database, "raw_jira.issues", "raw_git.commits") == [3, 1]


def test_what_a_rate_limit_puts_off_is_no_failure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def put_off(_settings: Settings) -> object:
        raise Deferred("400 requests are left of this hour")

    use(monkeypatch, settings, sources)
    jira = BY_NAME["jira"]
    deferred = Pull(jira.name, jira.purpose, put_off, jira.tables, jira.is_configured)
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize(sources.pulled(deferred), instance=instance).success


def test_at_night_what_jira_deleted_becomes_a_tombstone(
    settings: Settings, clean_database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, settings, reconciliation)
    BY_NAME["jira"].call(settings)
    step = reconciliation.step_of(BY_NAME["jira-deletions"])

    @dg.job
    def night() -> None:
        step()

    assert night.execute_in_process().success
    assert counts(clean_database, "raw_jira.issues", "raw_jira.tombstones") == [3, 0]


def test_by_hand_every_configured_source_is_pulled(
    settings: Settings, clean_database: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(services, "get_engine", lambda: clean_database)
    pull_sources(settings, ["jira", "git"])
    said = capsys.readouterr().out
    assert "jira: issues: 3 fetched, 3 stored" in said
    assert "git: " in said
    assert counts(clean_database, "raw_jira.issues", "raw_git.commits") == [3, 1]


def test_one_that_fails_does_not_stop_the_others_and_is_named_at_the_end(
    settings: Settings, clean_database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "get_engine", lambda: clean_database)
    wrong = settings.model_copy(update={"jira_url": "http://127.0.0.1:1", "jira_email": EMAIL})
    (settings.secrets_path / "jira_api_token").unlink()
    with pytest.raises(CommandError, match="jira_api_token"):
        pull_sources(wrong, ["jira", "git"])
    assert counts(clean_database, "raw_git.commits") == [1]


def test_an_unknown_source_and_an_empty_configuration_are_sentences(database: Settings) -> None:
    with pytest.raises(CommandError, match="There is no source 'svn': choose from jira, "):
        pull_sources(database, ["svn"])
    with pytest.raises(CommandError, match="No source is configured"):
        pull_sources(database, [])


def test_the_list_says_what_is_configured(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    commands.list_pulls(settings)
    said = capsys.readouterr().out
    assert all(name in said for name in BY_NAME)
    assert pulls.PULLS[0].is_configured(settings)
