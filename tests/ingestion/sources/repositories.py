"""Small git repositories, made by the tests that read them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

AUTHOR = "zoltan <zoltan@example.org>"
# 2026-01-05T00:00:00Z; commits are an hour apart unless told.
START = 1_767_571_200
HOUR = 3_600


class Repository:
    """A repository built commit by commit, with plumbing commands: nothing in it depends on the machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(folder), inside=False)

    def git(self, *arguments: str, stdin: bytes = b"", inside: bool = True) -> str:
        """Run git here; gives its output."""
        where = ["-C", str(self.folder)] if inside else []
        done = subprocess.run(["git", *where, *arguments], input=stdin, capture_output=True, check=True)
        return done.stdout.decode("utf-8", "replace").strip()

    def tree(self, files: Mapping[bytes, bytes]) -> str:
        """A flat tree of these files."""
        blobs = {name: self.git("hash-object", "-w", "--stdin", stdin=content) for name, content in files.items()}
        lines = b"".join(b"100644 blob %s\t%s\0" % (blob.encode(), name) for name, blob in blobs.items())
        return self.git("mktree", "-z", stdin=lines)

    def commit(
        self,
        message: str | bytes,
        *parents: str,
        files: Mapping[bytes, bytes] | None = None,
        author: str = AUTHOR,
        at: int | None = None,
        zone: str = "+0000",
        branch: str = "main",
    ) -> str:
        """A commit on top of these parents; the branch points at it. Every commit changes `files`, or nothing."""
        time = START + self.count * HOUR if at is None else at
        self.count += 1
        text = message.encode() if isinstance(message, str) else message
        header = "".join(
            [
                f"tree {self.tree(files or {})}\n",
                *(f"parent {parent}\n" for parent in parents),
                f"author {author} {time} {zone}\n",
                f"committer {author} {time} {zone}\n",
            ]
        )
        raw = header.encode() + b"\n" + text + b"\n"
        sha = self.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw)
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def pull_head(self, number: int, sha: str) -> None:
        """What a clone has that fetched `refs/pull/*/head`."""
        self.git("update-ref", f"refs/pull/{number}/head", sha)
