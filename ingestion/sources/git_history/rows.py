"""Rows of the raw git tables out of commits, pull requests and tags, without anything that names a person.

In: `Commit`s, `MergedPullRequest`s, `Tag`s. Out: COPY lines in the order of the columns of `GIT_COMMITS`,
`GIT_PULL_REQUESTS` and `GIT_TAGS`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from core.privacy import Pseudonymiser
from ingestion.copying import NULL, escaped, line
from ingestion.sources.git_history.commits import Commit, Tag
from ingestion.sources.git_history.pull_requests import MergedPullRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_PEOPLE = 1 << 16
_PULL_REQUEST_FROM = re.compile(r"^(Merge pull request #\d+ from )([^/\s]+)(/.*)$", re.DOTALL)
# "Merge branch 'main' of github.com:owner/name": the owner of a fork is a person.
_CLONE_ADDRESS = re.compile(r"\bof \S*(?:://|[\w.-]+:)\S+/\S+")


class RowMaker:
    """Makes the rows of one repository."""

    def __init__(self, repo_full_name: str, people: Pseudonymiser) -> None:
        self._repo_full_name = repo_full_name
        self._repo_field = escaped(repo_full_name)
        self._owner = repo_full_name.partition("/")[0].casefold()
        self._people = people
        # A few people write most commits.
        self._person = lru_cache(maxsize=_MOST_PEOPLE)(self._hashed)

    def commit(self, commit: Commit) -> str:
        """One line of `raw_git.commits`, without its place on the branch, which is known when all commits are read.

        Written out, not by `line`: this is what happens for every commit.
        """
        parents = '["' + '","'.join(commit.parents) + '"]' if commit.parents else "[]"
        written = instant(commit.authored_at) or NULL
        made = written if commit.committed_at == commit.authored_at else instant(commit.committed_at) or NULL
        counted = commit.added is not None
        numbers = f"{commit.added}\t{commit.removed}\t{commit.files}" if counted else f"{NULL}\t{NULL}\t{NULL}"
        return (
            f"{self._repo_field}\t{commit.sha}\t{parents}\t"
            f"{self._person(commit.author) or NULL}\t{self._person(commit.committer) or NULL}\t"
            f"{written}\t{made}\t{escaped(self.text(commit.subject))}\t{numbers}\t{NULL}\n"
        )

    def pull_request(self, pull: MergedPullRequest) -> str:
        """One line of `raw_git.pull_requests`."""
        return line(
            (
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
        )

    def tag(self, tag: Tag) -> str:
        """One line of `raw_git.tags`."""
        return line((self._repo_full_name, self.text(tag.name), tag.sha, instant(tag.tagged_at), tag.is_annotated))

    def text(self, value: str) -> str:
        """A subject, title or branch without people: addresses, mentions, and owners of forks."""
        if value.startswith("Merge "):
            value = _PULL_REQUEST_FROM.sub(self._without_fork_owner, value)
            value = _CLONE_ADDRESS.sub("of another clone", value)
        return self._people.text(value)

    def _without_fork_owner(self, match: re.Match[str]) -> str:
        before, owner, after = match.groups()
        if owner.casefold() == self._owner:
            return match[0]
        return f"{before}person-{self._people.hash(owner)[:16]}{after}"

    def _hashed(self, identifier: str) -> str | None:
        return self._people.hash(identifier) if identifier else None


def instant(epoch_seconds: int | None) -> str | None:
    """The instant in ISO 8601, in UTC; None for none."""
    return None if epoch_seconds is None else (_EPOCH + timedelta(seconds=epoch_seconds)).isoformat()
