"""A clone's history is read whole, whatever stands in it."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from ingestion.sources.git_history import ClonedHistory, Commit, HistoryError, clone, log
from tests.ingestion.sources.repositories import HOUR, START, Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository.git")


def read(repository: Repository) -> dict[str, Commit]:
    """The repository's commits by subject."""
    history = ClonedHistory(repository.folder)
    commits = list(history.commits(history.refs()))
    assert len(commits) == len({commit.sha for commit in commits})
    return {commit.subject: commit for commit in commits}


def test_a_commit_comes_with_everything_that_git_knows(repository: Repository) -> None:
    first = repository.commit("first", files={b"a": b"1\n2\n"})
    second = repository.commit("second\n\nwhy\nand how", first, files={b"a": b"1\n3\n4\n", b"b": b"\0\1\0"})
    assert read(repository)["second"] == Commit(
        sha=second,
        parents=(first,),
        author="zoltan@example.org",
        committer="zoltan@example.org",
        authored_at=START + HOUR,
        committed_at=START + HOUR,
        subject="second",
        body="why\nand how\n",
        added=2,
        removed=1,
        files=2,
    )


@pytest.mark.parametrize("others", [{}, {b"b": b"1\n"}])
def test_a_binary_file_counts_as_a_file_and_not_as_lines(repository: Repository, others: dict[bytes, bytes]) -> None:
    repository.commit("binary", files={b"a": b"\0\1\0"} | others)
    assert read(repository)["binary"][-3:] == (len(others), 0, 1 + len(others))


def test_the_first_parent_line_is_oldest_first(repository: Repository) -> None:
    first = repository.commit("first")
    side = repository.commit("side", first, branch="topic")
    merge = repository.commit("merge", first, side)
    history = ClonedHistory(repository.folder)
    assert history.line(history.refs()) == [first, merge]


def test_a_merge_brings_no_lines_of_its_own(repository: Repository) -> None:
    first = repository.commit("first", files={b"a": b"1\n"})
    side = repository.commit("side", first, files={b"a": b"1\n", b"b": b"2\n"}, branch="topic")
    repository.commit("merge", first, side, files={b"a": b"1\n", b"b": b"2\n"})
    merge = read(repository)["merge"]
    assert (merge.parents, merge.added, merge.removed, merge.files) == ((first, side), 0, 0, 0)


def test_an_octopus_merge_has_all_its_parents(repository: Repository) -> None:
    first = repository.commit("first")
    arms = [repository.commit(f"arm {number}", first, branch=f"arm-{number}") for number in range(4)]
    repository.commit("octopus", first, *arms)
    assert read(repository)["octopus"].parents == (first, *arms)


def test_several_roots_are_one_history(repository: Repository) -> None:
    one = repository.commit("one root")
    other = repository.commit("other root", branch="other")
    repository.commit("joined", one, other)
    assert {subject for subject, commit in read(repository).items() if not commit.parents} == {"one root", "other root"}


@pytest.mark.parametrize("zone", ["+518:00", "-9999", "+0530"])
def test_a_broken_time_zone_moves_no_commit(repository: Repository, zone: str) -> None:
    repository.commit("odd", zone=zone)
    assert read(repository)["odd"].committed_at == START


def test_a_date_that_git_cannot_read_is_no_date(repository: Repository) -> None:
    repository.commit("odd", zone="UTC")
    assert read(repository)["odd"].committed_at is None


def test_text_that_is_not_utf8_is_read_with_marks_in_its_place(repository: Repository) -> None:
    repository.commit(b"caf\xe9 \xff", author="b\xe9 <b@example.org>".encode("latin-1").decode("latin-1"))
    assert list(read(repository)) == ["caf\ufffd \ufffd"]


@pytest.mark.parametrize(
    "name", [b"a b", b"a\tb", b"\x02looks like a mark", "naïve".encode(), b"\xff\xfe", b'"q"', b"\n"]
)
def test_no_file_name_is_taken_for_something_else(repository: Repository, name: bytes) -> None:
    long = b"".join(b"line %d\n" % number for number in range(20))
    first = repository.commit("added", files={name: long})
    second = repository.commit("renamed", first, files={name + b"2": long})
    repository.commit("and on", second, files={name + b"2": long + b"more\n"})
    numbers = {commit.subject: (commit.added, commit.removed, commit.files) for commit in read(repository).values()}
    assert numbers == {"added": (20, 0, 1), "renamed": (0, 0, 1), "and on": (1, 0, 1)}


def test_where_a_chunk_ends_does_not_matter(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    first = repository.commit("first", files={b"a": b"1\n"})
    repository.commit("second\n\nbody", first, files={b"a": b"2\n", b"b": b"3\n"})
    whole = read(repository)
    monkeypatch.setattr(log, "_CHUNK_BYTES", 3)
    assert read(repository) == whole


def remove_blob(repository: Repository, content: bytes) -> None:
    """What a partial clone or a damaged disk looks like."""
    blob = repository.git("hash-object", "--stdin", stdin=content)
    (repository.folder / "objects" / blob[:2] / blob[2:]).unlink()


def test_commits_around_a_missing_blob_keep_their_numbers(repository: Repository) -> None:
    sha = repository.commit("commit 0", files={b"a": b"0\n"})
    for number in range(1, 6):
        sha = repository.commit(f"commit {number}", sha, files={b"a": b"%d\n" % number * (number + 1)})
    remove_blob(repository, b"3\n" * 4)
    numbers = {subject: (commit.added, commit.removed) for subject, commit in read(repository).items()}
    assert numbers == {
        "commit 0": (1, 0),
        "commit 1": (2, 1),
        "commit 2": (3, 2),
        # The blob is one side of these two.
        "commit 3": (None, None),
        "commit 4": (None, None),
        "commit 5": (6, 5),
    }


def test_a_history_without_any_blob_is_read_without_numbers(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clone, "MOST_RESTARTS", 2)
    sha = repository.commit("commit 0", files={b"a": b"0\n"})
    for number in range(1, 6):
        sha = repository.commit(f"commit {number}", sha, files={b"a": b"%d\n" % number})
    for number in range(6):
        remove_blob(repository, b"%d\n" % number)
    commits = read(repository)
    assert len(commits) == 6
    assert {commit.added for commit in commits.values()} == {None}
    assert commits["commit 5"].parents == (commits["commit 4"].sha,)


def test_a_shallow_clone_begins_where_it_was_cut(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit("first")
    second = repository.commit("second", first)
    repository.commit("third", second)
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=2", f"file://{repository.folder}", str(shallow)], check=True)
    history = ClonedHistory(shallow)
    commits = {commit.subject: commit for commit in history.commits(history.refs())}
    assert sorted(commits) == ["second", "third"]
    assert (history.line(history.refs()) or [])[0] == second
    # To git the oldest commit of a shallow clone brought every file: nobody knows what it brought.
    assert (commits["second"].files, commits["third"].files) == (None, 0)


def test_a_clone_is_read_as_its_origin_names_the_default_branch(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit("first")
    working = tmp_path / "working"
    subprocess.run(["git", "clone", "--quiet", str(repository.folder), str(working)], check=True)
    repository.commit("pushed by others", first)
    subprocess.run(["git", "-C", str(working), "fetch", "--quiet"], check=True)
    history = ClonedHistory(working)
    assert len(history.line(history.refs()) or []) == 2


def test_pull_request_heads_are_read_where_they_were_fetched(repository: Repository) -> None:
    first = repository.commit("first")
    head = repository.commit("on the branch", first, branch="topic")
    repository.git("update-ref", "-d", "refs/heads/topic")
    repository.pull_head(12, head)
    history = ClonedHistory(repository.folder)
    refs = history.refs()
    assert (refs.head, refs.pull_heads) == (first, {12: head})
    assert {commit.sha for commit in history.commits(refs)} == {first, head}


def test_a_repository_without_commits_is_named(repository: Repository) -> None:
    with pytest.raises(HistoryError, match=r"repository\.git is no git repository with a commit"):
        ClonedHistory(repository.folder).refs()


def test_a_folder_that_is_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="not a git repository"):
        ClonedHistory(tmp_path).refs()
    with pytest.raises(HistoryError, match="not a folder"):
        ClonedHistory(tmp_path / "nowhere")


def test_git_is_ended_when_the_reader_stops_early(repository: Repository) -> None:
    sha = repository.commit("first")
    for number in range(5):
        sha = repository.commit(f"commit {number}", sha)
    history = ClonedHistory(repository.folder)
    reading = history.commits(history.refs())
    assert next(reading).subject == "commit 4"
    reading.close()


@pytest.mark.parametrize(
    "said",
    [b"fatal: something", b"fatal\0" + log.MARK, log.MARK + b"a sha\0and no more\0"],
    ids=["no mark", "something before the mark", "a mark and not enough behind it"],
)
def test_what_is_no_log_is_refused(said: bytes) -> None:
    with pytest.raises(HistoryError, match="where a commit should begin"):
        list(log.parse(io.BytesIO(said), lambda: True, counted=True))
