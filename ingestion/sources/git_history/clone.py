"""A clone's history: one streamed `git log`, cut into commits by a thin parser.

In: the path of a local clone (bare or not). Out: a `History`. No content leaves git, no network is used.
What real histories hold is survived: text that is not UTF-8, several roots, broken dates, octopus merges, renames,
and missing blobs, at which git itself gives up.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO

from ingestion.sources.git_history.commits import Commit, HistoryError

# A header is this mark with the sha and seven more fields; then come the changed files. NUL ends each of them.
MARK = b"\x02"
_FORMAT = "%x02%H%x00%P%x00%at%x00%ct%x00%ae%x00%ce%x00%s%x00%b"
_CHUNK_BYTES = 1 << 18
# Behind so many commits with missing blobs the others are read without numbers: each costs a process.
MOST_RESTARTS = 20
# A partial clone would fetch blobs one by one over the network; no prompt may stop a run; no lock is taken.
_GIT = ("env", "LC_ALL=C", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "git")
_LOG = ("log", "-z", f"--format={_FORMAT}", "--encoding=UTF-8", "--no-color", "--no-show-signature", "--no-mailmap")
_NUMBERS = ("--numstat", "--find-renames", "--no-ext-diff", "--no-textconv", "--diff-merges=off")
_WITHOUT_NUMBERS = ("--no-patch",)
_AS_LISTED = ("--no-walk=unsorted",)
_PULL_REFERENCE = re.compile(r"^refs/(?:pull|remotes/[^/]+/pull|remotes/[^/]+/pr)/(\d+)(?:/head)?$")


class ClonedHistory:
    """The history of a local clone: its default branch, and the pull-request heads where they were fetched."""

    def __init__(self, folder: Path, branch: str | None = None) -> None:
        self.folder = folder
        if not folder.is_dir():
            raise HistoryError(f"{folder} is not a folder")
        self.branch = branch or self._default_branch()

    @cached_property
    def pull_heads(self) -> dict[int, str]:
        """Heads of the pull requests that the clone fetched (`refs/pull/*/head`)."""
        heads = {}
        for entry in self._lines("for-each-ref", "--format=%(objectname) %(refname)", "refs/pull", "refs/remotes"):
            sha, _, name = entry.partition(" ")
            if match := _PULL_REFERENCE.match(name):
                heads[int(match[1])] = sha
        return heads

    @cached_property
    def line(self) -> list[str]:
        """The default branch's first-parent line, oldest first."""
        return self._lines("rev-list", "--first-parent", "--reverse", self.branch, "--")

    def commits(self) -> Iterator[Commit]:
        """Every commit of the default branch and of the known pull requests."""
        tips = [self.branch, *self.pull_heads.values()]
        done: set[str] = set()
        yield from self._read(_NUMBERS, tips, done)
        if self._complete:
            return
        # git gave up at a missing blob. That commit goes without numbers, and reading goes on behind it.
        remaining = [sha for sha in self._lines("rev-list", "--stdin", stdin=tips) if sha not in done]
        for _ in range(MOST_RESTARTS):
            yield from self._read((*_WITHOUT_NUMBERS, *_AS_LISTED), remaining[:1], done)
            remaining = [sha for sha in remaining if sha not in done]
            if remaining:
                yield from self._read((*_NUMBERS, *_AS_LISTED), remaining, done)
                remaining = [sha for sha in remaining if sha not in done]
            if not remaining:
                return
        yield from self._read((*_WITHOUT_NUMBERS, *_AS_LISTED), remaining, done)
        if not self._complete:
            raise HistoryError(f"git cannot read the history of {self.folder}: {self._complaint}")

    def _read(self, options: Sequence[str], tips: Sequence[str], done: set[str]) -> Iterator[Commit]:
        """The commits that one `git log` tells; notes in `done` what came and in `_complete` whether it was all."""
        self._complete, self._complaint = False, ""
        with self._git([*_LOG, *options, "--stdin"], tips) as (output, ended_well):
            for commit in parse(_fields(output), ended_well, counted="--numstat" in options):
                done.add(commit.sha)
                yield commit
            self._complete = ended_well()

    def _default_branch(self) -> str:
        """What the clone's origin calls its default branch; a repository without origin: what is checked out."""
        for name in ("refs/remotes/origin/HEAD", "HEAD"):
            with self._git(["rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"], []) as (output, ended_well):
                sha = output.read().decode().strip()
                if ended_well() and sha:
                    return name
        raise HistoryError(f"{self.folder} is no git repository with a commit: {self._complaint or 'no HEAD'}")

    def _lines(self, *arguments: str, stdin: Sequence[str] = ()) -> list[str]:
        with self._git(arguments, stdin) as (output, ended_well):
            lines = output.read().decode("utf-8", "replace").splitlines()
            if not ended_well():
                raise HistoryError(f"git {arguments[0]} failed in {self.folder}: {self._complaint}")
            return lines

    @contextmanager
    def _git(self, arguments: Sequence[str], stdin: Sequence[str]) -> Iterator[tuple[IO[bytes], Callable[[], bool]]]:
        """Run git: gives its output and a function that waits for its end and tells whether it was a good one."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
            given.write("".join(f"{line}\n" for line in stdin).encode())
            given.seek(0)
            process = subprocess.Popen(
                [*_GIT, "-C", str(self.folder), *arguments], stdin=given, stdout=subprocess.PIPE, stderr=complaints
            )
            assert process.stdout is not None

            def ended_well() -> bool:
                process.wait()
                complaints.seek(0)
                self._complaint = complaints.read(2000).decode("utf-8", "replace").strip()
                return process.returncode == 0

            try:
                yield process.stdout, ended_well
            finally:
                process.stdout.close()
                process.kill()
                process.wait()


def parse(fields: Iterator[bytes], ended_well: Callable[[], bool], *, counted: bool) -> Iterator[Commit]:
    """Cut the NUL-ended fields of a log into commits.

    The last commit is given only if `ended_well` says that git told everything: it may be cut in two.
    Raises `HistoryError` for fields in another order than ours.
    """
    mark = next(fields, None)
    while mark is not None:
        if mark[:1] != MARK:
            raise HistoryError(f"git log gave {mark[:40]!r} where a commit should begin")
        header = [field for _, field in zip(range(7), fields, strict=False)]
        sha, mark = mark[1:], None
        added = removed = files = 0
        for field in fields:
            if field[:1] == MARK:
                mark = field
                break
            plus, minus, path = field.split(b"\t", 2)
            if not path:
                # A rename: the old and the new name follow on their own.
                next(fields, None)
                next(fields, None)
            files += 1
            if plus[-1:] != b"-":
                added += int(plus)
                removed += int(minus)
        if mark is None and (not ended_well() or len(header) < 7):
            return
        yield _commit(sha, header, (added, removed, files), counted)


def _commit(sha: bytes, header: Sequence[bytes], numbers: tuple[int, int, int], counted: bool) -> Commit:
    parents, authored_at, committed_at, author, committer, subject, body = header
    parent_shas = tuple(parents.decode("ascii").split())
    known = counted or len(parent_shas) > 1
    return Commit(
        sha.decode("ascii"),
        parent_shas,
        author.decode("utf-8", "replace"),
        committer.decode("utf-8", "replace"),
        # A date that git cannot read at all is printed as nothing.
        int(authored_at) if authored_at else None,
        int(committed_at) if committed_at else None,
        subject.decode("utf-8", "replace"),
        body.decode("utf-8", "replace"),
        *(numbers if known else (None, None, None)),
    )


def _fields(output: IO[bytes]) -> Iterator[bytes]:
    """The NUL-ended pieces of a stream; what stands behind the last NUL is incomplete and left out."""
    rest = b""
    while chunk := output.read(_CHUNK_BYTES):
        pieces = (rest + chunk).split(b"\0")
        rest = pieces.pop()
        yield from pieces
