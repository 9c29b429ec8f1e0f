"""The trace that a pull request leaves in the message of the commit that brought it in.

In: a commit, and what is known about the repository's pull requests. Out: a `Mark`, or None.

| forge | merge commit | squash |
|---|---|---|
| GitHub | "Merge pull request #12 from owner/branch" | "Title (#12)" |
| GitLab | "See merge request group/project!12" in the body | the same |
| Bitbucket Cloud | "Merged in branch (pull request #12)" | the same |
| Bitbucket Server | "Pull request #12: Title" | the same |
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

from ingestion.sources.git_history.commits import Commit

Method = Literal["merge", "squash"]

_GITHUB_MERGE = re.compile(r"^Merge pull request #(\d+) from ([^/\s]+)/(\S+)")
_GITHUB_SQUASH = re.compile(r"^(.*\S)\s*\(#(\d+)\)\s*$")
_GITLAB = re.compile(r"^See merge request (?:[\w.-]+(?:/[\w.-]+)*)?!(\d+)\s*$", re.MULTILINE)
_GITLAB_BRANCH = re.compile(r"^Merge (?:remote-tracking )?branch '([^']+)'")
_BITBUCKET_CLOUD = re.compile(r"^Merged in (\S+) \(pull request #(\d+)\)")
_BITBUCKET_SERVER = re.compile(r"^Pull request #(\d+): (.*\S)")
_BITBUCKET_SERVER_BRANCH = re.compile(r"^Merge in \S+ from (\S+) to \S+", re.MULTILINE)


class Mark(NamedTuple):
    """What a commit's message says about the pull request that it brought in."""

    number: int
    branch: str | None
    title: str
    method: Method


def mark_of(commit: Commit, known: Collection[int], *, are_merge_requests: bool = False) -> Mark | None:
    """What the message says; `known` are the numbers of pull requests where they are known, else empty.

    "(#12)" may name an issue as well: where the pull requests are known, only those count, and in a repository of
    GitLab's it always names an issue.
    """
    method: Method = "merge" if len(commit.parents) > 1 else "squash"
    subject = commit.subject
    if "See merge request " in commit.body and (match := _GITLAB.search(commit.body)):
        branch = _GITLAB_BRANCH.match(subject)
        # GitLab writes the title into the body of a merge, and into the subject of a squash.
        first = _first_line(commit.body)
        title = first if method == "merge" and not _GITLAB.match(first) else subject
        return Mark(int(match[1]), branch[1] if branch else None, title, method)
    if subject.startswith("Merged in ") and (match := _BITBUCKET_CLOUD.match(subject)):
        return Mark(int(match[2]), match[1], _first_line(commit.body) or subject, method)
    if subject.startswith("Pull request #") and (match := _BITBUCKET_SERVER.match(subject)):
        branch = _BITBUCKET_SERVER_BRANCH.search(commit.body)
        return Mark(int(match[1]), branch[1] if branch else None, match[2], method)
    if method == "merge":
        if match := _GITHUB_MERGE.match(subject):
            # GitHub names the branch in the subject, and writes the title into the body.
            return Mark(int(match[1]), match[3], _first_line(commit.body) or subject, method)
    elif not are_merge_requests and (match := _squash(subject)):
        number = int(match[2])
        if not known or number in known:
            return Mark(number, None, match[1], method)
    return None


def _squash(subject: str) -> re.Match[str] | None:
    return _GITHUB_SQUASH.match(subject) if "(#" in subject else None


def _first_line(body: str) -> str:
    return body.strip().partition("\n")[0].strip()
