"""Running git: its output as a stream, its complaint as one sentence.

In: a folder and arguments. Out: bytes and lines; `HistoryError` where git fails. No network unless allowed.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ingestion.sources.git_history.commits import HistoryError

# No prompt may stop a run; no lock is taken; nothing that a repository's own configuration names is started.
_ENVIRONMENT = ("LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_ASKPASS=true")
# A partial clone would fetch its missing blobs one by one while they are counted.
_NO_NETWORK = ("GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none")
_NETWORK = ("GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",)
_OPTIONS = ("-c", "core.fsmonitor=false")
_LONGEST_COMPLAINT = 2000


class Git:
    """git in one folder; `complaint` is what the last command said on its error stream."""

    def __init__(self, folder: Path, *, network: bool = False) -> None:
        self.folder = folder
        self.complaint = ""
        self._command = ("env", *_ENVIRONMENT, *(_NETWORK if network else _NO_NETWORK), "git", *_OPTIONS)

    @contextmanager
    def running(self, *arguments: str, stdin: Iterable[str] = ()) -> Iterator[tuple[IO[bytes], Callable[[], bool]]]:
        """Gives git's output, and a function that waits for git's end and tells whether it was a good one."""
        self.complaint = ""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
            given.writelines(f"{line}\n".encode() for line in stdin)
            given.seek(0)
            process = subprocess.Popen(
                [*self._command, "-C", str(self.folder), *arguments],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
            assert process.stdout is not None

            def ended_well() -> bool:
                process.wait()
                complaints.seek(0)
                self.complaint = complaints.read(_LONGEST_COMPLAINT).decode("utf-8", "replace").strip()
                return process.returncode == 0

            try:
                yield process.stdout, ended_well
            finally:
                process.stdout.close()
                process.kill()
                process.wait()

    def output(self, *arguments: str, stdin: Iterable[str] = ()) -> bytes:
        """All of git's output. Raises `HistoryError` with git's complaint."""
        output = self.attempt(*arguments, stdin=stdin)
        if output is None:
            raise HistoryError(f"git {arguments[0]} failed in {self.folder}: {self.complaint}")
        return output

    def attempt(self, *arguments: str, stdin: Iterable[str] = ()) -> bytes | None:
        """All of git's output; None where git fails."""
        with self.running(*arguments, stdin=stdin) as (stream, ended_well):
            output = stream.read()
            return output if ended_well() else None

    def lines(self, *arguments: str, stdin: Sequence[str] = ()) -> list[str]:
        """git's output by lines."""
        return self.output(*arguments, stdin=stdin).decode("utf-8", "replace").splitlines()
