"""A history behind a URL: fetched before each reading, and never at the price of what is there."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from ingestion.sources.git_history import HistoryError, load_git, pull_git
from ingestion.sources.git_history.mirror import is_url
from ingestion.sources.git_history.pull import PullFailedError, configured_histories
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.git_server import GitServer
from tests.ingestion.sources.repositories import Repository

NAME = "acme/payments"
PASSWORD = "a-token/with:signs%40"
LINE = "select subject from raw_git.commits order by branch_position"


@pytest.fixture
def home(raw_tables: Settings, tmp_path: Path) -> Settings:
    """Settings with a home of the test's own, and the secrets of all tests."""
    return raw_tables.model_copy(update={"home": tmp_path / "home", "secrets_folder": raw_tables.secrets_path})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "served" / "payments.git")
    made.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    made.commit("second", made.commit("first", branch="trunk"), branch="trunk")
    return made


@pytest.fixture(params=["file", "http"])
def url(request: pytest.FixtureRequest, repository: Repository) -> Any:
    """The repository's address."""
    if request.param == "file":
        yield f"file://{repository.folder}"
        return
    with GitServer(repository.folder.parent) as server:
        yield f"http://{server.address}/payments.git"


def test_the_default_branch_is_the_remotes(url: str, home: Settings, rows: Query) -> None:
    load_git(url, NAME, home)
    assert rows(LINE) == [("first",), ("second",)]


def test_what_is_pushed_is_there_after_the_next_reading(
    url: str, repository: Repository, home: Settings, rows: Query
) -> None:
    load_git(url, NAME, home)
    head = repository.git("rev-parse", "trunk")
    squash = repository.commit("Squashed (#7)", head, branch="trunk")
    repository.pull_head(7, repository.commit("work", head, branch="topic"))
    repository.git("update-ref", "refs/tags/v1", squash)
    load_git(url, NAME, home)
    assert rows(LINE)[:3] == [("first",), ("second",), ("Squashed (#7)",)]
    assert rows("select pr_number, merge_commit_sha from raw_git.pull_requests") == [(7, squash)]
    assert rows("select tag_name from raw_git.tags") == [("v1",)]
    assert load_git(url, NAME, home).tables == {}


def test_a_rewritten_remote_is_followed(url: str, repository: Repository, home: Settings, rows: Query) -> None:
    load_git(url, NAME, home)
    repository.commit("another second", repository.git("rev-parse", "trunk~1"), branch="trunk")
    load_git(url, NAME, home)
    assert rows(LINE) == [("first",), ("another second",)]


def test_a_fetch_that_fails_is_a_sentence_and_replaces_nothing(
    url: str, repository: Repository, home: Settings, rows: Query
) -> None:
    load_git(url, NAME, home)
    repository.folder.rename(repository.folder.with_name("gone"))
    with pytest.raises(HistoryError, match=r"acme/payments cannot be fetched from (file|http)://"):
        load_git(url, NAME, home)
    assert rows(LINE) == [("first",), ("second",)]
    assert rows("select status from ops.fetch_operations order by started_at") == [("success",), ("failure",)]


def quoted(password: str) -> str:
    return password.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")


def everything_written(folder: Path) -> str:
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file())


def test_a_login_opens_the_door_and_is_written_nowhere(
    repository: Repository, home: Settings, rows: Query, log_lines: io.StringIO
) -> None:
    with GitServer(repository.folder.parent, PASSWORD) as server:
        load_git(f"http://reader:{quoted(PASSWORD)}@{server.address}/payments.git", NAME, home)
    assert rows(LINE) == [("first",), ("second",)]
    written = log_lines.getvalue() + str(rows("select * from ops.fetch_operations"))
    written += str(rows("select * from ops.fetch_cursors")) + everything_written(home.home)
    assert PASSWORD not in written
    assert quoted(PASSWORD) not in written


def test_a_wrong_login_is_told_without_the_login(
    repository: Repository, home: Settings, rows: Query, log_lines: io.StringIO
) -> None:
    with GitServer(repository.folder.parent, PASSWORD) as server, pytest.raises(HistoryError) as failure:
        load_git(f"http://reader:a-wrong-one@{server.address}/payments.git", NAME, home)
    assert "cannot be fetched" in str(failure.value)
    written = str(failure.value) + log_lines.getvalue() + str(rows("select message from ops.fetch_operations"))
    assert "a-wrong-one" not in written


@pytest.mark.parametrize("where", ["https://host/a.git", "ssh://host/a", "git@host:a/b.git", "file:///a", "host:a"])
def test_urls_are_urls(where: str) -> None:
    assert is_url(where)


@pytest.mark.parametrize("where", ["/srv/git/a", "clones/a", "./a:b/c", "ext::sh -c true", Path("host:a")])
def test_the_rest_are_folders(where: str | Path) -> None:
    assert not is_url(where)


def test_all_configured_histories_are_read_and_one_that_fails_stops_no_other(
    repository: Repository, home: Settings, rows: Query, tmp_path: Path
) -> None:
    clone = Repository(tmp_path / "clones" / "acme" / "ledger.git")
    clone.commit("in the folder")
    (tmp_path / "clones" / "acme" / "empty").mkdir()
    listed = {"acme/gone": str(tmp_path / "gone"), NAME: f"file://{repository.folder}"}
    settings = home.model_copy(update={"git_folder": tmp_path / "clones", "git_repositories": listed})
    assert list(configured_histories(settings)) == ["acme/empty", "acme/ledger", "acme/gone", NAME]
    with pytest.raises(
        PullFailedError, match=r"2 of 4 histories could not be read.*acme/empty: .*acme/gone: "
    ) as failed:
        pull_git(settings)
    assert len(failed.value.results) == 2
    assert rows("select distinct repo_full_name from raw_git.commits order by 1") == [("acme/ledger",), (NAME,)]
    del settings.git_repositories["acme/gone"]
    (tmp_path / "clones" / "acme" / "empty").rmdir()
    assert [result.tables for result in pull_git(settings)] == [{}, {}]
