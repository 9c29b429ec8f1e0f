"""Rows of the raw git tables out of commits and pull requests, without anything that names a person.

In: `Commit`s and `MergedPullRequest`s. Out: tuples in the order of `GIT_COMMITS` and `GIT_PULL_REQUESTS`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from core.privacy import Pseudonymiser
from ingestion.sources.git_history.commits import Commit
from ingestion.sources.git_history.pull_requests import MergedPullRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z
_PULL_REQUEST_FROM = re.compile(r"^(Merge pull request #\d+ from )([^/\s]+)(/.*)$", re.DOTALL)
# "Merge branch 'main' of github.com:owner/name": the owner of a fork is a person.
_CLONE_ADDRESS = re.compile(r"\bof \S*(?:://|[\w.-]+:)\S+/\S+")


class RowMaker:
    """Makes the rows of one repository."""

    def __init__(self, repo_full_name: str, pseudonymiser: Pseudonymiser) -> None:
        self._repo_full_name = repo_full_name
        self._owner = repo_full_name.partition("/")[0].casefold()
        self._people = pseudonymiser

    def commit(self, commit: Commit, branch_position: int | None) -> tuple[Any, ...]:
        """One row of `raw_git.commits`."""
        return (
            self._repo_full_name,
            commit.sha,
            "[" + ",".join(f'"{sha}"' for sha in commit.parents) + "]",
            self._person(commit.author),
            self._person(commit.committer),
            instant(commit.authored_at),
            instant(commit.committed_at),
            self.text(commit.subject),
            commit.added,
            commit.removed,
            commit.files,
            branch_position,
        )

    def pull_request(self, pull: MergedPullRequest) -> tuple[Any, ...]:
        """One row of `raw_git.pull_requests`."""
        return (
            self._repo_full_name,
            pull.number,
            pull.merge_sha,
            None if pull.branch is None else self.text(pull.branch),
            self._person(pull.author),
            instant(pull.first_commit_at),
            instant(pull.merged_at),
            self.text(pull.title),
            pull.method,
            pull.added,
            pull.removed,
            pull.files,
        )

    def text(self, value: str) -> str:
        """A subject, title or branch without people: addresses, mentions, and owners of forks."""
        if value.startswith("Merge "):
            value = _PULL_REQUEST_FROM.sub(self._without_fork_owner, value)
            value = _CLONE_ADDRESS.sub("of another clone", value)
        cleaned: str = self._people.clean(value)
        return cleaned

    def _without_fork_owner(self, match: re.Match[str]) -> str:
        before, owner, after = match.groups()
        if owner.casefold() == self._owner:
            return match[0]
        return f"{before}person-{self._people.hash(owner)[:16]}{after}"

    def _person(self, identifier: str) -> str | None:
        return self._people.hash(identifier) if identifier else None


def instant(epoch_seconds: int | None) -> datetime | None:
    """The instant as aware UTC; None for none, and for one beyond year 9999, which some broken commits claim."""
    if epoch_seconds is None or not 0 <= epoch_seconds <= _LATEST:
        return None
    return _EPOCH + timedelta(seconds=epoch_seconds)
