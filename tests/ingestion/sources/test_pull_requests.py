"""Pull requests are found in the commit graph: what a merge brought, and when it began."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ingestion.sources.git_history import Commit
from ingestion.sources.git_history.pull_requests import CommitGraph, MergedPullRequest


def commit(sha: str, *parents: str, at: int, subject: str = "work", body: str = "", **changes: object) -> Commit:
    """A commit of one line in one file; a merge of none."""
    lines = 0 if len(parents) > 1 else 1
    made = Commit(sha, parents, f"author of {sha}", "committer", at, at, subject, body, lines, 0, lines)
    return made._replace(**changes)


def merge(sha: str, number: int, *parents: str, at: int, title: str = "") -> Commit:
    """A merge as GitHub makes it."""
    return commit(sha, *parents, at=at, subject=f"Merge pull request #{number} from acme/topic-{number}", body=title)


def pulls(*commits: Commit, heads: Mapping[int, str] | None = None) -> dict[int, MergedPullRequest]:
    """The pull requests by number; the last commit is the tip, and the order of the others must not matter."""
    found = []
    for order in (commits, commits[::-1]):
        graph = CommitGraph(heads or {})
        for each in order:
            graph.add(each)
        found.append(list(graph.pull_requests(commits[-1].sha)))
    assert found[0] == found[1]
    assert len(found[0]) == len({pull.number for pull in found[0]})
    return {pull.number: pull for pull in found[0]}


def test_a_merge_commit_is_a_pull_request() -> None:
    found = pulls(
        commit("a", at=1),
        commit("b", "a", at=2),
        commit("c", "b", at=3),
        merge("m", 7, "a", "c", at=9, title="The title\n\nmore"),
    )
    assert found[7] == MergedPullRequest(
        number=7,
        merge_sha="m",
        branch="topic-7",
        author="author of c",
        first_commit_at=2,
        merged_at=9,
        title="The title",
        method="merge",
        added=2,
        removed=0,
        files=2,
    )


def test_what_the_main_line_had_is_not_brought_in_again() -> None:
    # The branch took main in (x) before it was merged: c1 came with pull request 1, not with 2.
    found = pulls(
        commit("a", at=1),
        commit("b1", "a", at=5),
        commit("c1", "a", at=2),
        merge("m1", 1, "a", "c1", at=6),
        commit("x", "b1", "m1", at=7, subject="Merge branch 'main' into topic-2"),
        merge("m2", 2, "m1", "x", at=8),
    )
    assert (found[1].first_commit_at, found[1].added) == (2, 1)
    assert (found[2].first_commit_at, found[2].added) == (5, 1)


def test_the_first_commit_is_the_earliest_written_even_if_rebased_to_the_end() -> None:
    found = pulls(
        commit("a", at=10),
        commit("b", "a", at=30),
        commit("c", "b", at=20),
        merge("m", 1, "a", "c", at=40),
    )
    assert found[1].first_commit_at == 20


def test_a_pull_request_into_a_release_branch_is_found_within_the_release() -> None:
    found = pulls(
        commit("a", at=1),
        commit("d", "a", at=2, subject="start of develop"),
        commit("t", "d", at=3),
        merge("n", 1, "d", "t", at=4),
        commit("u", "n", at=5),
        merge("o", 2, "n", "u", at=6),
        commit("release", "a", "o", at=9, subject="Release 1"),
    )
    assert {number: pull.first_commit_at for number, pull in found.items()} == {1: 3, 2: 5}


def test_a_squash_is_a_pull_request() -> None:
    found = pulls(commit("a", at=1), commit("s", "a", at=5, subject="Add retries (#12)"))
    assert found[12] == MergedPullRequest(12, "s", None, "author of s", 5, 5, "Add retries", "squash", 1, 0, 1)


def test_a_squash_began_with_the_first_commit_of_its_branch_where_that_is_known() -> None:
    found = pulls(
        commit("a", at=1),
        commit("b", "a", at=2),
        commit("c", "b", at=3),
        commit("s", "a", at=9, subject="Add retries (#12)", added=5),
        heads={12: "c"},
    )
    assert (found[12].first_commit_at, found[12].merged_at, found[12].added) == (2, 9, 5)


def test_a_head_that_was_pushed_on_after_the_squash_does_no_harm() -> None:
    found = pulls(
        commit("a", at=1),
        commit("b", "a", at=2),
        commit("s", "a", at=3, subject="One (#1)"),
        commit("t", "s", at=4, subject="Two (#2)"),
        commit("h", "t", at=5),
        commit("u", "t", at=6, subject="Three (#3)"),
        heads={1: "h", 2: "u", 3: "b"},
    )
    assert set(found) == {1, 2, 3}


def test_a_number_in_brackets_is_no_pull_request_where_it_is_known_to_be_none() -> None:
    found = pulls(commit("a", at=1, subject="Fix (#3)"), commit("b", "a", at=2, subject="Fix (#4)"), heads={4: "b"})
    assert set(found) == {4}


@pytest.mark.parametrize(
    "subject",
    ["Merge branch 'main'", "Mention #12", "(#12)", "Revert (#12) again", "Merge pull request #12", "Title (12)"],
)
def test_other_subjects_are_no_pull_requests(subject: str) -> None:
    assert pulls(commit("a", at=1), commit("b", "a", at=2, subject=subject)) == {}


def test_a_number_that_comes_twice_counts_when_it_came_first() -> None:
    found = pulls(
        commit("a", at=1, subject="Fix (#3)"),
        commit("b", "a", at=2, subject="Backport: fix (#3)"),
    )
    assert found[3].merge_sha == "a"


def test_a_merge_that_brought_nothing_began_when_it_was_made() -> None:
    found = pulls(commit("a", at=1), commit("b", "a", at=2), merge("m", 1, "b", "a", at=5))
    assert (found[1].first_commit_at, found[1].added) == (5, 0)


def test_numbers_are_unknown_where_one_commit_cannot_be_counted() -> None:
    found = pulls(
        commit("a", at=1),
        commit("b", "a", at=2, added=None, removed=None, files=None),
        commit("c", "b", at=3),
        merge("m", 1, "a", "c", at=4),
    )
    assert (found[1].added, found[1].removed, found[1].files) == (None, None, None)


def test_parents_that_are_not_there_end_the_walk() -> None:
    found = pulls(commit("a", "gone", at=1), merge("m", 1, "a", "gone too", at=2))
    assert found[1].author == "author of m"


def test_an_unreadable_date_is_no_date() -> None:
    found = pulls(commit("a", at=1), commit("b", "a", at=2), merge("m", 1, "a", "b", at=3)._replace(committed_at=None))
    assert found[1].merged_at is None


def test_a_history_of_many_merges_takes_linear_time() -> None:
    commits = [commit("main-0", at=0)]
    for number in range(1, 5_001):
        before = commits[-1].sha
        commits += [commit(f"topic-{number}", before, at=2 * number)]
        commits += [merge(f"main-{number}", number, before, f"topic-{number}", at=2 * number + 1)]
    graph = CommitGraph({})
    for each in commits:
        graph.add(each)
    visited = 0
    walk = graph._first_parents

    def counting(index: int, seen: bytearray) -> list[int]:
        nonlocal visited
        line = walk(index, seen)
        visited += len(line)
        return line

    graph._first_parents = counting  # type: ignore[method-assign]
    assert len(list(graph.pull_requests("main-5000"))) == 5_000
    assert visited == len(commits)
