"""Histories that were recorded without their content: every commit is a row, every pull request one of theirs.

Sources: alphagov/search-api-v2 (MIT), encode/starlette (BSD-3-Clause).
"""

from __future__ import annotations

import json

import pytest

from ingestion.load import load_git
from tests.conformance.conftest import Database
from tests.real_data import shared_data


@pytest.mark.parametrize("name", ["alphagov/search-api-v2", "encode/starlette"])
def test_a_recorded_history_is_taken_whole(recording: Database, name: str) -> None:
    folder = shared_data(f"git/{name.replace('/', '+')}")
    result = load_git(folder, name, recording.settings)
    recorded = json.loads((folder / "meta.json").read_text())
    assert result.tables["commits"].loaded == recorded["commits"]
    heads = {int(number) for number in json.loads((folder / "pull_heads.json").read_text())}
    pulls = recording.rows(
        """
        select pr_number, first_commit_at, merged_at, branch_position
        from raw_git.pull_requests
        inner join raw_git.commits using (repo_full_name)
        where repo_full_name = :name and sha = merge_commit_sha
        """,
        name=name,
    )
    assert {number for number, *_ in pulls} <= heads
    assert len(pulls) == result.tables["pull_requests"].loaded > 500
    # Where somebody merged the branch into their own and pushed that, what was on the branch came in sideways.
    assert sum(position is None for *_, position in pulls) < len(pulls) / 50
    # A rebased or amended commit may be older or younger than it looks, but no work ends before it begins.
    assert sum(first > merged for _, first, merged, _ in pulls) < len(pulls) / 100


def test_a_squash_began_with_its_branch(recording: Database) -> None:
    load_git(shared_data("git/encode+starlette"), "encode/starlette", recording.settings)
    [(squashes, earlier)] = recording.rows(
        """
        select count(*), count(*) filter (where first_commit_at < authored_at)
        from raw_git.pull_requests
        inner join raw_git.commits using (repo_full_name)
        where repo_full_name = 'encode/starlette' and sha = merge_commit_sha and merge_method = 'squash'
        """
    )
    # The recording names the heads of pull requests, and holds the commits of four squashed ones.
    assert squashes > 500
    assert earlier == 4
