"""Whatever is pushed, by force or not: what was read bit by bit is what one reading from the beginning finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.settings import Settings
from ingestion.sources.git_history import ClonedHistory, load_git
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.random_history import RandomHistory
from tests.ingestion.sources.repositories import Repository

NAME, FRESH = "acme/payments", "acme/fresh"
PUSHES = 9


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """main: first → second → third."""
    made = Repository(tmp_path / "payments.git")
    first = made.commit("first")
    second = made.commit("second", first, files={b"a": b"1\n"})
    made.commit("third (#3)", second, files={b"a": b"2\n"})
    return made


def state(rows: Query, name: str) -> list[Any]:
    """All that stands in `raw_git` of a repository, but when it was loaded."""
    return [
        row
        for table, key in (("commits", "sha"), ("pull_requests", "pr_number"), ("tags", "tag_name"))
        for row in rows(
            f"""
            select to_jsonb(whole) - '_dlt_id' - '_dlt_load_id' - 'repo_full_name' from raw_git.{table} as whole
            where repo_full_name = :name order by {key}
            """,
            name=name,
        )
    ]


def forget(engine: Engine, name: str) -> None:
    """As if the repository had never been read."""
    with engine.begin() as connection:
        for table in ("commits", "pull_requests", "tags"):
            connection.execute(text(f"delete from raw_git.{table} where repo_full_name = :name"), {"name": name})
        connection.execute(text("delete from ops.fetch_cursors where scope = :name"), {"name": name})


@pytest.mark.parametrize("pulls", ["with-pulls", "without"])
@pytest.mark.parametrize("seed", range(3))
def test_bit_by_bit_is_what_one_reading_finds(
    raw_tables: Settings, engine: Engine, rows: Query, tmp_path: Path, seed: int, pulls: str
) -> None:
    story = RandomHistory(tmp_path / f"{pulls}.git", seed)
    load_git(story.repository.folder, NAME, raw_tables, engine=engine)
    for _ in range(PUSHES):
        happened = story.happen()
        load_git(story.repository.folder, NAME, raw_tables, engine=engine)
        forget(engine, FRESH)
        load_git(story.repository.folder, FRESH, raw_tables, engine=engine)
        assert state(rows, NAME) == state(rows, FRESH), happened


def commits_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on, the commits whose numbers git has to work out."""
    read: list[str] = []
    original = ClonedHistory.commits

    def noting(self: ClonedHistory, *arguments: Any, counted: bool = True) -> Any:
        for commit in original(self, *arguments, counted=counted):
            if counted:
                read.append(commit.subject)
            yield commit

    monkeypatch.setattr(ClonedHistory, "commits", noting)
    return read


def test_only_what_is_new_is_read(
    repository: Repository, raw_tables: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_git(repository.folder, NAME, raw_tables)
    read = commits_read(monkeypatch)
    repository.commit("fourth", repository.git("rev-parse", "main"))
    result = load_git(repository.folder, NAME, raw_tables)
    assert read == ["fourth"]
    assert result.tables["commits"].fetched == 1


def test_where_nothing_is_new_nothing_is_read_and_the_record_says_so(
    repository: Repository, raw_tables: Settings, rows: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_git(repository.folder, NAME, raw_tables)
    read = commits_read(monkeypatch)
    assert load_git(repository.folder, NAME, raw_tables).tables == {}
    assert read == []
    assert rows("select status, cache_hit, rows_fetched from ops.fetch_operations order by started_at") == [
        ("success", False, 4),
        ("success", True, 0),
    ]


def test_rows_that_did_not_change_keep_the_load_that_brought_them(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    load_git(repository.folder, NAME, raw_tables)
    loads = rows("select sha, _dlt_load_id from raw_git.commits")
    repository.commit("fourth (#4)", repository.git("rev-parse", "main"))
    load_git(repository.folder, NAME, raw_tables)
    assert set(loads) < set(rows("select sha, _dlt_load_id from raw_git.commits"))
    assert len(rows("select distinct _dlt_load_id from raw_git.pull_requests")) == 2


def test_what_a_force_push_took_away_goes(repository: Repository, raw_tables: Settings, rows: Query) -> None:
    load_git(repository.folder, NAME, raw_tables)
    repository.commit("another third", repository.git("rev-parse", "main~1"))
    load_git(repository.folder, NAME, raw_tables)
    assert rows("select subject, branch_position from raw_git.commits order by branch_position") == [
        ("first", 0),
        ("second", 1),
        ("another third", 2),
    ]
    assert rows("select count(*) from raw_git.pull_requests") == [(0,)]


def test_a_last_head_that_git_has_thrown_away_means_reading_anew(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    load_git(repository.folder, NAME, raw_tables)
    repository.commit("another third", repository.git("rev-parse", "main~1"))
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    load_git(repository.folder, NAME, raw_tables)
    assert len(rows("select from raw_git.commits")) == 3


def test_a_shallow_clone_that_is_deepened_is_read_anew(
    repository: Repository, raw_tables: Settings, rows: Query, tmp_path: Path
) -> None:
    shallow = Repository(tmp_path / "shallow.git")
    shallow.git("fetch", "--quiet", "--depth=2", f"file://{repository.folder}", "main:main")
    load_git(shallow.folder, NAME, raw_tables)
    counted = "select subject, lines_added, branch_position from raw_git.commits order by 3"
    assert rows(counted) == [("second", None, 0), ("third (#3)", 1, 1)]
    shallow.git("fetch", "--quiet", "--unshallow", f"file://{repository.folder}", "main:main")
    load_git(shallow.folder, NAME, raw_tables)
    assert rows(counted) == [("first", 0, 0), ("second", 1, 1), ("third (#3)", 1, 2)]


def test_numbers_that_were_unknown_are_mended_by_reading_anew(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    blob = repository.git("rev-parse", "main:a")
    there = repository.folder / "objects" / blob[:2] / blob[2:]
    away = there.rename(repository.folder / "away")
    load_git(repository.folder, NAME, raw_tables)
    unknown = "select count(*) from raw_git.commits where lines_added is null"
    assert rows(unknown) == [(1,)]
    away.rename(there)
    load_git(repository.folder, NAME, raw_tables, anew=True)
    assert rows(unknown) == [(0,)]


def test_rows_that_somebody_deleted_come_back(
    repository: Repository, raw_tables: Settings, engine: Engine, rows: Query
) -> None:
    load_git(repository.folder, NAME, raw_tables)
    with engine.begin() as connection:
        connection.execute(text("truncate raw_git.commits"))
    load_git(repository.folder, NAME, raw_tables)
    assert len(rows("select from raw_git.commits")) == 3


def test_another_branch_is_another_history(repository: Repository, raw_tables: Settings, rows: Query) -> None:
    load_git(repository.folder, NAME, raw_tables)
    repository.commit("release", repository.git("rev-parse", "main~1"), branch="release")
    load_git(repository.folder, NAME, raw_tables, branch="release")
    line = "select subject from raw_git.commits order by branch_position"
    assert rows(line) == [("first",), ("second",), ("release",)]
