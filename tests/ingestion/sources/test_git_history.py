"""From a repository, or a recorded one, to the rows of `raw_git`."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.load import load_git
from ingestion.sources.git_history import HistoryError, open_history
from ingestion.sources.git_history.log import calendar_second
from ingestion.sources.git_history.rows import RowMaker
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.repositories import HOUR, START, Repository

NAME = "acme/payments"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """main: first → squash (#2) → merge of #3; the branch of #3 has two commits."""
    made = Repository(tmp_path / "payments.git")
    first = made.commit("first", files={b"a": b"1\n"})
    squash = made.commit("Retry later (#2)", first, files={b"a": b"1\n2\n"}, author="wilhelm <wilhelm@example.org>")
    work = made.commit("work", first, files={b"a": b"1\n", b"b": b"1\n2\n"}, branch="topic")
    more = made.commit("more work", work, files={b"a": b"1\n", b"b": b"1\n3\n"}, branch="topic")
    made.commit(
        "Merge pull request #3 from acme/PAY-3-pay\n\nPAY-3: pay, @zoltan and zoltan@example.org",
        squash,
        more,
        files={b"a": b"1\n2\n", b"b": b"1\n3\n"},
    )
    return made


def test_commits_stand_in_the_database_with_their_place_on_the_branch(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    result = load_git(repository.folder, NAME, raw_tables)
    assert result.tables["commits"].loaded == 5
    found = rows(
        """
        select subject, committed_at, jsonb_array_length(parent_shas), lines_added, lines_removed, files_changed,
            branch_position
        from raw_git.commits
        where repo_full_name = :name
        order by committed_at
        """,
        name=NAME,
    )
    hours = [datetime.fromtimestamp(START + number * HOUR, UTC) for number in range(5)]
    assert found[:-1] == [
        ("first", hours[0], 0, 1, 0, 1, 0),
        ("Retry later (#2)", hours[1], 1, 1, 0, 1, 1),
        ("work", hours[2], 1, 2, 0, 1, None),
        ("more work", hours[3], 1, 1, 1, 1, None),
    ]
    assert found[-1][1:] == (hours[4], 2, 0, 0, 0, 2)


def test_pull_requests_stand_in_the_database(repository: Repository, raw_tables: Settings, rows: Query) -> None:
    load_git(repository.folder, NAME, raw_tables)
    found = rows(
        """
        select pr_number, merge_method, branch_name, first_commit_at, merged_at, lines_added, lines_removed
        from raw_git.pull_requests order by pr_number
        """
    )
    hours = [datetime.fromtimestamp(START + number * HOUR, UTC) for number in range(5)]
    assert found == [
        (2, "squash", None, hours[1], hours[1], 1, 0),
        (3, "merge", "PAY-3-pay", hours[2], hours[4], 3, 1),
    ]


def test_people_are_pseudonyms(repository: Repository, raw_tables: Settings, rows: Query) -> None:
    load_git(repository.folder, NAME, raw_tables)
    people = Pseudonymiser(secrets_for(raw_tables).get("pseudonym_key"))
    assert set(rows("select author_hash from raw_git.commits")) == {
        (people.hash("zoltan@example.org"),),
        (people.hash("wilhelm@example.org"),),
    }
    everything = str(rows("select * from raw_git.commits")) + str(rows("select * from raw_git.pull_requests"))
    assert "zoltan" not in everything
    assert "wilhelm" not in everything


def everything(rows: Query) -> list[Any]:
    """All that stands in `raw_git`, but when it was loaded."""
    return [
        *rows("select to_jsonb(commits) - '_dlt_id' - '_dlt_load_id' from raw_git.commits order by sha"),
        *rows("select to_jsonb(pulls) - '_dlt_id' - '_dlt_load_id' from raw_git.pull_requests as pulls order by 1"),
        *rows("select to_jsonb(tags) - '_dlt_id' - '_dlt_load_id' from raw_git.tags order by 1"),
    ]


def test_loading_twice_changes_nothing(repository: Repository, raw_tables: Settings, rows: Query) -> None:
    loads = "select array_agg(_dlt_load_id || _dlt_id order by sha) from raw_git.commits"
    load_git(repository.folder, NAME, raw_tables)
    first, first_loads = everything(rows), rows(loads)
    load_git(repository.folder, NAME, raw_tables, anew=True)
    assert everything(rows) == first
    assert rows(loads) == first_loads


def test_what_is_pushed_later_comes_with_the_next_load(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    load_git(repository.folder, NAME, raw_tables)
    repository.commit("Later (#4)", repository.git("rev-parse", "main"))
    load_git(repository.folder, NAME, raw_tables)
    assert rows("select max(branch_position), count(*) from raw_git.commits") == [(3, 6)]
    assert rows("select pr_number from raw_git.pull_requests order by 1") == [(2,), (3,), (4,)]


def test_two_repositories_with_the_same_commits_stand_side_by_side(
    repository: Repository, raw_tables: Settings, rows: Query
) -> None:
    load_git(repository.folder, NAME, raw_tables)
    load_git(repository.folder, "acme/fork", raw_tables)
    assert rows("select repo_full_name, count(*) from raw_git.commits group by 1 order by 1") == [
        ("acme/fork", 5),
        ("acme/payments", 5),
    ]


def write_recording(folder: Path, repository: Repository) -> Path:
    """The repository's history as a recorded folder."""
    folder.mkdir()
    history = open_history(repository.folder)
    with gzip.open(folder / "commits.jsonl.gz", "wt", encoding="utf-8") as lines:
        for commit in history.commits(history.refs()):
            record = {
                "sha": commit.sha,
                "parents": commit.parents,
                "author": commit.author,
                "committer": commit.committer,
                "author_ts": commit.authored_at,
                "commit_ts": commit.committed_at,
                "subject": commit.subject,
                "body": commit.body,
                "numstat_total": [commit.files, commit.added, commit.removed],
            }
            lines.write(json.dumps(record) + "\n")
    (folder / "meta.json").write_text(json.dumps({"head": repository.git("rev-parse", "main")}))
    return folder


def test_recorded_history_gives_the_same_rows_as_the_clone(
    repository: Repository, tmp_path: Path, raw_tables: Settings, rows: Query
) -> None:
    load_git(repository.folder, NAME, raw_tables)
    of_the_clone = everything(rows)
    load_git(write_recording(tmp_path / "recorded", repository), NAME, raw_tables)
    assert everything(rows) == of_the_clone


def test_a_damaged_recording_is_refused_with_its_line(
    repository: Repository, tmp_path: Path, raw_tables: Settings, rows: Query
) -> None:
    folder = write_recording(tmp_path / "recorded", repository)
    with gzip.open(folder / "commits.jsonl.gz", "at", encoding="utf-8") as lines:
        lines.write('{"sha": "cut sho')
    with pytest.raises(HistoryError, match=r"commits\.jsonl\.gz, line 6"):
        load_git(folder, NAME, raw_tables)
    assert rows("select count(*) from raw_git.commits") == [(0,)]


def test_a_recording_whose_head_is_missing_is_refused(
    repository: Repository, tmp_path: Path, raw_tables: Settings, rows: Query
) -> None:
    folder = write_recording(tmp_path / "recorded", repository)
    (folder / "meta.json").write_text('{"head": "elsewhere"}')
    with pytest.raises(HistoryError, match="the head elsewhere is not among the recorded commits"):
        load_git(folder, NAME, raw_tables)
    assert rows("select count(*) from raw_git.commits") == [(0,)]


@pytest.mark.parametrize("name", ["payments", "/payments", "acme/", "acme/pay/ments"])
def test_a_repository_is_named_with_its_organisation(repository: Repository, raw_tables: Settings, name: str) -> None:
    with pytest.raises(ValueError, match="organisation/name"):
        load_git(repository.folder, name, raw_tables)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Merge pull request #1 from acme/topic", "Merge pull request #1 from acme/topic"),
        ("Merge pull request #1 from Acme/topic", "Merge pull request #1 from Acme/topic"),
        ("Merge pull request #1 from jane-doe/topic", "Merge pull request #1 from {jane-doe}/topic"),
        ("Merge branch 'main' of github.com:jane-doe/payments", "Merge branch 'main' of another clone"),
        ("Merge branch 'x' of https://github.com/jane-doe/payments into x", "Merge branch 'x' of another clone into x"),
        ("Merge branch 'x' of ssh://git@host/jane/payments", "Merge branch 'x' of another clone"),
        ("Merge branch 'release of 2026'", "Merge branch 'release of 2026'"),
        ("Ask @jane-doe", "Ask @{jane-doe}"),
        ("Add a list of http://example.org/links", "Add a list of http://example.org/links"),
    ],
)
def test_subjects_lose_their_people(subject: str, expected: str) -> None:
    people = Pseudonymiser("a key")
    pseudonym = f"person-{people.hash('jane-doe')[:16]}"
    assert RowMaker(NAME, people).text(subject) == expected.replace("{jane-doe}", pseudonym)


@pytest.mark.parametrize("second", [b"", b"-1", b"253402300800", str(10**18).encode()])
def test_a_second_that_no_calendar_has_is_none(second: bytes) -> None:
    assert calendar_second(second) is None


def test_the_last_second_of_the_calendar_is_one(raw_tables: Settings, rows: Query, repository: Repository) -> None:
    repository.commit("the last", repository.git("rev-parse", "main"), at=253_402_300_799)
    load_git(repository.folder, NAME, raw_tables)
    assert rows("select authored_at from raw_git.commits where subject = 'the last'") == [
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),)
    ]
