"""The project's own git history through the git source, counted with git itself."""

from __future__ import annotations

import subprocess

import pytest

from ingestion.load import load_git
from tests.conformance.conftest import Database
from tests.conftest import in_ci
from tests.real_data import REPOSITORY


def git(*arguments: str) -> str:
    """What git says about this repository."""
    done = subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def loaded(recording: Database) -> Database:
    try:
        git("rev-parse", "--verify", "HEAD")
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"needs the project's git history: {error}"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    load_git(REPOSITORY, "delivery-performance/platform", recording.settings, branch="HEAD")
    return recording


def test_every_commit_is_a_row(loaded: Database) -> None:
    shas = {sha for (sha,) in loaded.rows("select sha from raw_git.commits")}
    assert shas >= set(git("rev-list", "HEAD").split())
    heads = git("for-each-ref", "--format=%(objectname)", "refs/pull").split()
    assert len(shas) == len(git("rev-list", "HEAD", *heads).split())


def test_lines_and_files_are_those_of_git(loaded: Database) -> None:
    rows = [line.split("\t") for line in git("log", "--numstat", "--find-renames", "--format=", "HEAD").splitlines()]
    added = sum(int(row[0]) for row in rows if len(row) == 3 and row[0] != "-")
    removed = sum(int(row[1]) for row in rows if len(row) == 3 and row[1] != "-")
    files = sum(len(row) == 3 for row in rows)
    on_branch = loaded.rows(
        "select sum(lines_added), sum(lines_removed), sum(files_changed) from raw_git.commits where sha = any(:shas)",
        shas=git("rev-list", "HEAD").split(),
    )
    assert on_branch == [(added, removed, files)]


def test_the_branch_is_numbered_from_its_first_commit(loaded: Database) -> None:
    line = loaded.rows("select sha from raw_git.commits where branch_position is not null order by branch_position")
    assert [sha for (sha,) in line] == git("rev-list", "--first-parent", "--reverse", "HEAD").split()


def test_nobody_of_the_authors_is_named(loaded: Database) -> None:
    everything = "".join(
        str(loaded.rows(f"select * from raw_git.{table}")).casefold() for table in ("commits", "pull_requests")
    )
    people = {value for line in git("log", "--format=%ae%n%ce", "HEAD").splitlines() if (value := line.casefold())}
    assert people
    assert [person for person in people if person in everything] == []
