"""Tags as releases leave them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.settings import Settings
from ingestion.sources.git_history import load_git
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.repositories import HOUR, START, Repository

NAME = "acme/payments"
TAGS = "select tag_name, sha, tagged_at, is_annotated from raw_git.tags order by tag_name"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """main: first → second; a release branch with one commit beside it."""
    made = Repository(tmp_path / "payments.git")
    made.commit("second", made.commit("first"))
    made.commit("release", made.git("rev-parse", "main~1"), branch="release")
    return made


def annotate(repository: Repository, name: str, target: str, kind: str = "commit", date: str = f"{START} +0000") -> str:
    """An annotated tag; returns its own hash."""
    text = f"object {target}\ntype {kind}\ntag {name}\ntagger zoltan <zoltan@example.org> {date}\n\nby @zoltan\n"
    sha = repository.git("hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=text.encode())
    repository.git("update-ref", f"refs/tags/{name}", sha)
    return sha


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_lightweight_tag_has_its_commits_date_and_an_annotated_one_its_own(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    head, beside = repository.git("rev-parse", "main"), repository.git("rev-parse", "release")
    repository.git("update-ref", "refs/tags/v1", head)
    annotate(repository, "v2", beside, date=f"{START + 9 * HOUR} +0000")
    load_git(repository.folder, NAME, raw_tables)
    assert rows(TAGS) == [("v1", head, at(START + HOUR), False), ("v2", beside, at(START + 9 * HOUR), True)]


def test_a_tag_of_a_tag_leads_to_the_commit_and_one_of_a_file_to_none(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    head = repository.git("rev-parse", "main")
    inner = annotate(repository, "inner", head)
    annotate(repository, "outer", inner, kind="tag")
    repository.git("update-ref", "refs/tags/file", repository.git("hash-object", "-w", "--stdin", stdin=b"x"))
    load_git(repository.folder, NAME, raw_tables)
    assert [(name, sha) for name, sha, *_ in rows(TAGS)] == [("inner", head), ("outer", head)]


@pytest.mark.parametrize("name", ["“v1”", "release/2026-01", "v1'; drop table", "naïve"])
def test_a_tag_may_be_called_anything(repository: Repository, raw_tables: Settings, rows: Query, name: str) -> None:
    name = name.replace(" ", "-")
    repository.git("update-ref", f"refs/tags/{name}", "main")
    load_git(repository.folder, NAME, raw_tables)
    assert [row[0] for row in rows(TAGS)] == [name]


def test_a_date_that_no_calendar_has_is_none(repository: Repository, raw_tables: Settings, rows: Query) -> None:
    annotate(repository, "v1", repository.git("rev-parse", "main"), date="999999999999999 +518:00")
    load_git(repository.folder, NAME, raw_tables)
    assert [row[2] for row in rows(TAGS)] == [None]


def test_tags_come_move_and_go_without_any_new_commit(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    first, head = repository.git("rev-parse", "main~1"), repository.git("rev-parse", "main")
    repository.git("update-ref", "refs/tags/moves", first)
    repository.git("update-ref", "refs/tags/goes", first)
    load_git(repository.folder, NAME, raw_tables)
    repository.git("update-ref", "refs/tags/moves", head)
    repository.git("update-ref", "refs/tags/comes", head)
    repository.git("update-ref", "-d", "refs/tags/goes")
    load_git(repository.folder, NAME, raw_tables)
    assert [row[:2] for row in rows(TAGS)] == [("comes", head), ("moves", head)]
