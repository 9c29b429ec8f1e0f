"""Recorded history: a folder with the metadata of a repository and none of its content.

In: `commits.jsonl.gz` (one commit a line: sha, parents, author, committer, author_ts, commit_ts, subject, body,
numstat_total = [files, added, removed]), `meta.json` (head) and, where it exists, `pull_heads.json`
({number: sha}). Out: a `History`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from ingestion.sources.git_history.commits import Commit, HistoryError

COMMITS_FILE = "commits.jsonl.gz"


class RecordedHistory:
    """A history read from a recorded folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._head = str(self._json("meta.json")["head"])

    @cached_property
    def pull_heads(self) -> dict[int, str]:
        """Last commit of each pull request, by number."""
        if not (self.folder / "pull_heads.json").exists():
            return {}
        return {int(number): sha for number, sha in self._json("pull_heads.json").items()}

    @cached_property
    def line(self) -> list[str]:
        """The first-parent line of the recorded head, oldest first."""
        first_parent = {commit.sha: next(iter(commit.parents), None) for commit in self.commits()}
        if self._head not in first_parent:
            raise HistoryError(f"{self.folder}: the head {self._head} is not among the recorded commits")
        line: list[str] = []
        sha: str | None = self._head
        while sha in first_parent:
            line.append(sha)
            sha = first_parent[sha]
        return line[::-1]

    def commits(self) -> Iterator[Commit]:
        """The recorded commits, in the order of the file."""
        with gzip.open(self.folder / COMMITS_FILE, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield _commit(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise HistoryError(f"{self.folder / COMMITS_FILE}, line {number}: {error!r}") from error

    def _json(self, name: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HistoryError(f"{self.folder / name}: {error}") from error
        return content


def _commit(record: dict[str, Any]) -> Commit:
    files, added, removed = record.get("numstat_total") or (None, None, None)
    return Commit(
        sha=record["sha"],
        parents=tuple(record["parents"]),
        author=record["author"],
        committer=record["committer"],
        authored_at=int(record["author_ts"]),
        committed_at=int(record["commit_ts"]),
        subject=record["subject"],
        body=record.get("body", ""),
        added=added,
        removed=removed,
        files=files,
    )
