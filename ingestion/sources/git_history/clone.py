"""A clone's history: one streamed `git log`, and where its branches and tags stand.

In: the path of a local clone (bare or not). Out: a `GrowingHistory`. No content leaves git, no network is used.
What real histories hold is survived: text that is not UTF-8, several roots, broken dates, octopus merges, renames,
a shallow end, and missing blobs, at which git itself gives up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from ingestion.sources.git_history.commits import Commit, HistoryError, Refs, Tag
from ingestion.sources.git_history.git import Git
from ingestion.sources.git_history.log import COUNTED, OPTIONS, UNCOUNTED, calendar_second, parse

# Behind so many commits with missing blobs the others are read without numbers: each costs a process.
MOST_RESTARTS = 20
_AS_LISTED = ("--no-walk=unsorted",)
# Twice git's own measure: a tenth less CPU in long histories, for a hundred megabytes of git's memory.
_MORE_CACHE = ("-c", "core.deltaBaseCacheLimit=192m")
# Where GitHub, GitLab and Bitbucket Server keep the heads of pull requests, as they are and as people fetch them.
_PULL_REFERENCE = re.compile(
    r"^refs/(?:remotes/[^/]+/)?(?:(?:pull|pr)/(\d+)(?:/head)?|pull-requests/(\d+)/from|(merge-requests|mr)/(\d+)(?:/head)?)$"
)
_ORIGIN_HEAD = "refs/remotes/origin/HEAD"
_REFERENCES = (_ORIGIN_HEAD, "refs/tags", "refs/pull", "refs/pull-requests", "refs/merge-requests", "refs/remotes")
_TAG_FORMAT = "%00".join(
    f"%({name})"
    for name in (
        "refname:lstrip=2", "objecttype", "objectname", "*objecttype", "*objectname",
        "taggerdate:unix", "committerdate:unix", "*committerdate:unix",
    )
)  # fmt: skip


class ClonedHistory:
    """The history of a local clone: its default branch, and the pull-request heads where they were fetched.

    The default branch is `branch` where it is given, else what the clone's origin calls so, else what is checked out.
    """

    kind = "clone"

    def __init__(self, folder: Path, branch: str | None = None) -> None:
        if not folder.is_dir():
            raise HistoryError(f"{folder} is not a folder")
        if branch is not None and branch.startswith("-"):
            raise HistoryError(f"{branch!r} is no name of a branch")
        self.folder = folder
        self.branch = branch
        self._git = Git(folder)
        self._boundary: frozenset[str] = frozenset()

    def refs(self) -> Refs:
        """Where the clone stands now: two git processes, some milliseconds."""
        pulls: dict[int, str] = {}
        branch, merge_requests, tags = self.branch or "HEAD", False, hashlib.sha256()
        for entry in self._git.lines("for-each-ref", "--format=%(objectname) %(refname)", *_REFERENCES):
            sha, _, name = entry.partition(" ")
            if name.startswith("refs/tags/"):
                tags.update(f"{entry}\n".encode())
            elif name == _ORIGIN_HEAD:
                branch = self.branch or _ORIGIN_HEAD
            elif match := _PULL_REFERENCE.match(name):
                pulls[int(match[1] or match[2] or match[4])] = sha
                merge_requests = merge_requests or match[3] is not None
        found = self._git.attempt("rev-parse", "--git-path", "shallow", f"{branch}^{{commit}}")
        if found is None:
            raise HistoryError(f"{self.folder} is no git repository with a commit on {branch}: {self._git.complaint}")
        path, head = found.decode("utf-8", "surrogateescape").splitlines()
        depth = self._depth(self.folder / path)
        return Refs(head, pulls, merge_requests, tags.hexdigest(), depth)

    def commits(self, refs: Refs, known: Sequence[str] = (), *, counted: bool = True) -> Iterator[Commit]:
        """Every commit that the tips reach and none of `known` does."""
        new_tips = sorted(refs.tips.difference(known))
        if not new_tips:
            return
        asked = [*new_tips, *(f"^{sha}" for sha in known)]
        done: set[str] | None = set() if counted else None
        complete = yield from self._read(COUNTED if counted else UNCOUNTED, asked, done)
        if complete:
            return
        if done is None:
            raise self._unreadable()
        # git gave up at a missing blob. That commit goes without numbers, and reading goes on behind it.
        remaining = [sha for sha in self._git.lines("rev-list", "--stdin", stdin=asked) if sha not in done]
        for _ in range(MOST_RESTARTS):
            yield from self._read((*UNCOUNTED, *_AS_LISTED), remaining[:1], done)
            remaining = [sha for sha in remaining if sha not in done]
            if remaining:
                yield from self._read((*COUNTED, *_AS_LISTED), remaining, done)
                remaining = [sha for sha in remaining if sha not in done]
            if not remaining:
                return
        complete = yield from self._read((*UNCOUNTED, *_AS_LISTED), remaining, done)
        if not complete:
            raise self._unreadable()

    def tags(self) -> Iterator[Tag]:
        """The tags that lead to commits, however many tags lie between; those of files and trees are left out."""
        for entry in self._git.output("for-each-ref", f"--format={_TAG_FORMAT}", "refs/tags").split(b"\n"):
            if not entry:
                continue
            name, kind, sha, peeled_kind, peeled_sha, tagged, committed, peeled_committed = entry.split(b"\0")
            if kind == b"tag":
                sha, committed = peeled_sha, peeled_committed
                if peeled_kind == b"tag":
                    reference = b"refs/tags/" + name + b"^{commit}"
                    peeled = self._git.attempt(
                        "rev-parse", "--quiet", "--verify", reference.decode("utf-8", "surrogateescape")
                    )
                    peeled_kind, sha = (b"commit", peeled.strip()) if peeled else (b"", b"")
            if b"commit" in (kind, peeled_kind):
                when = calendar_second(tagged) if kind == b"tag" and tagged else calendar_second(committed)
                yield Tag(name.decode("utf-8", "replace"), sha.decode(), when, kind == b"tag")

    def has(self, shas: Sequence[str]) -> bool:
        """Whether all of these commits are there still."""
        return b" missing" not in self._git.output("cat-file", "--batch-check", stdin=shas)

    def unreachable(self, known: Sequence[str], refs: Refs) -> Iterator[str]:
        """The commits that `known` reaches and the tips do not."""
        lost = [sha for sha in known if sha not in refs.tips]
        if not lost:
            return
        suspects = self._git.lines("rev-list", "--stdin", stdin=[*lost, *(f"^{sha}" for sha in refs.tips)])
        if suspects:
            # git walks by date: where dates are wrong it suspects commits that are there. A whole walk does not err.
            there = set(self._git.lines("rev-list", "--stdin", stdin=sorted(refs.tips)))
            yield from (sha for sha in suspects if sha not in there)

    def line(self, refs: Refs, behind: str | None = None) -> list[str] | None:
        """The first-parent line, oldest first; with `behind`, what came on top of it; None where it is not there."""
        if behind == refs.head:
            return []
        asked = [refs.head] if behind is None else [refs.head, f"^{behind}"]
        found = self._git.lines("rev-list", "--first-parent", "--reverse", "--parents", "--stdin", stdin=asked)
        if behind is not None and (not found or found[0].split()[1:2] != [behind]):
            return None
        return [entry.partition(" ")[0] for entry in found]

    def _read(
        self, options: Sequence[str], asked: Sequence[str], done: set[str] | None
    ) -> Generator[Commit, None, bool]:
        """The commits that one `git log` tells, noted in `done`; returns whether git told everything."""
        boundary = self._boundary
        with self._git.running(*_MORE_CACHE, "log", *OPTIONS, *options, "--stdin", stdin=asked) as (output, ended_well):
            for commit in parse(output, ended_well, counted="--numstat" in options):
                if done is not None:
                    done.add(commit.sha)
                if commit.sha in boundary:
                    # To git a shallow clone's oldest commit brought the whole tree.
                    commit = commit._replace(added=None, removed=None, files=None)
                yield commit
            return ended_well()

    def _depth(self, file: Path) -> str:
        """Where a shallow clone was cut, as a digest; empty for a whole one."""
        content = file.read_bytes() if file.exists() else b""
        self._boundary = frozenset(content.decode("ascii", "replace").split())
        return hashlib.sha256(content).hexdigest() if content else ""

    def _unreadable(self) -> HistoryError:
        return HistoryError(f"git cannot read the history of {self.folder}: {self._git.complaint}")
