"""What a forge writes into the commit that brings a pull request in."""

from __future__ import annotations

import pytest

from ingestion.sources.git_history import Commit
from ingestion.sources.git_history.marks import Mark, mark_of


def commit(subject: str, body: str = "", *, parents: int = 2) -> Commit:
    """A commit with this message."""
    return Commit("sha", ("parent",) * parents, "author", "committer", 1, 1, subject, body, 0, 0, 0)


GITLAB_BODY = "Pay twice\n\nWhy we do it.\n\nSee merge request acme/core/payments!12\n"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (commit("Merge pull request #12 from acme/topic", "Pay twice\n"), Mark(12, "topic", "Pay twice", "merge")),
        (commit("Pay twice (#12)", parents=1), Mark(12, None, "Pay twice", "squash")),
        (commit("Merge branch 'topic' into 'main'", GITLAB_BODY), Mark(12, "topic", "Pay twice", "merge")),
        (
            commit("Merge branch 'topic' into 'main'", "See merge request !12"),
            Mark(12, "topic", "Merge branch 'topic' into 'main'", "merge"),
        ),
        (commit("Pay twice", "See merge request acme/payments!12", parents=1), Mark(12, None, "Pay twice", "squash")),
        (
            commit("Merged in feature/topic (pull request #12)", "Pay twice\n\nApproved-by: somebody"),
            Mark(12, "feature/topic", "Pay twice", "merge"),
        ),
        (
            commit("Merged in topic (pull request #12)", "Pay twice", parents=1),
            Mark(12, "topic", "Pay twice", "squash"),
        ),
        (
            commit("Pull request #12: Pay twice", "Merge in PAY/payments from feature/topic to main\n\n* commit"),
            Mark(12, "feature/topic", "Pay twice", "merge"),
        ),
    ],
)
def test_every_forge_has_its_words(made: Commit, expected: Mark) -> None:
    assert mark_of(made, ()) == expected


@pytest.mark.parametrize(
    "made",
    [
        commit("Merge branch 'topic' into 'main'", "Mentions See merge request acme/payments!12 in passing"),
        commit("Merged in a hurry"),
        commit("Pull request #12"),
        commit("Pay twice (#12)"),
    ],
)
def test_other_words_mean_nothing(made: Commit) -> None:
    assert mark_of(made, ()) is None


def test_a_number_in_brackets_is_an_issue_of_gitlabs() -> None:
    made = commit("Pay twice (#12)", parents=1)
    assert mark_of(made, {12: "head"}, are_merge_requests=True) is None
    assert mark_of(made, {12: "head"}) is not None
