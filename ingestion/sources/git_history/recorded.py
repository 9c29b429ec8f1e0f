"""Recorded history: a folder with the metadata of a repository and none of its content.

In: `commits.jsonl.gz` (one commit a line: sha, parents, author, committer, author_ts, commit_ts, subject, body,
numstat_total = [files, added, removed]), `meta.json` (head) and, where they exist, `pull_heads.json`
({number: sha}) and `tags.json` (a list of tag, type, commit, created_ts). Out: a `History`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingestion.sources.git_history.commits import Commit, HistoryError, Refs, Tag
from ingestion.sources.git_history.log import calendar_second

COMMITS_FILE = "commits.jsonl.gz"
_TAGS_FILE = "tags.json"
_PULLS_FILE = "pull_heads.json"


class RecordedHistory:
    """A history read from a recorded folder."""

    kind = "recording"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def refs(self) -> Refs:
        """Where the recording stands; a file that changes is another recording."""
        head = str(self._json("meta.json")["head"])
        pulls = self._json(_PULLS_FILE) if (self.folder / _PULLS_FILE).exists() else {}
        return Refs(
            head,
            {int(number): sha for number, sha in pulls.items()},
            False,
            self._digest(_TAGS_FILE),
            self._digest(COMMITS_FILE),
        )

    def commits(self, refs: Refs) -> Iterator[Commit]:
        """The recorded commits, all of them, in the order of the file."""
        found = False
        with gzip.open(self.folder / COMMITS_FILE, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    commit = _commit(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise HistoryError(f"{self.folder / COMMITS_FILE}, line {number}: {error!r}") from error
                found = found or commit.sha == refs.head
                yield commit
        if not found:
            raise HistoryError(f"{self.folder}: the head {refs.head} is not among the recorded commits")

    def tags(self) -> Iterator[Tag]:
        """The recorded tags."""
        for tag in self._json(_TAGS_FILE) if (self.folder / _TAGS_FILE).exists() else ():
            yield Tag(tag["tag"], tag["commit"], calendar_second(tag["created_ts"]), tag["type"] == "tag")

    def _digest(self, name: str) -> str:
        file = self.folder / name
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""

    def _json(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HistoryError(f"{self.folder / name}: {error}") from error


def _commit(record: dict[str, Any]) -> Commit:
    files, added, removed = record.get("numstat_total") or (None, None, None)
    return Commit(
        sha=record["sha"],
        parents=tuple(record["parents"]),
        author=record["author"],
        committer=record["committer"],
        authored_at=calendar_second(record["author_ts"]),
        committed_at=calendar_second(record["commit_ts"]),
        subject=record["subject"],
        body=record.get("body", ""),
        added=added,
        removed=removed,
        files=files,
    )
