"""Processes that live and die together: started in groups of their own, watched, ended for certain.

In: commands. Out: running children whose output goes to log files. At the end every group gets SIGTERM, and
what is left after the grace gets SIGKILL: `dagster api grpc` is known to outlive SIGTERM. Children that an
earlier, killed supervisor left behind are found by their process id and start time, and ended first.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import TextIO

from orchestration.environment import child_environment
from orchestration.errors import CommandError

GRACE_SECONDS = 8.0
KILL_SECONDS = 2.0
POLL_SECONDS = 0.1
TAIL_LINES = 15
RECORD = "children.json"
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SupervisorError(CommandError):
    """A child ended or never became ready, or another supervisor is at work; the message is for a person."""


@dataclass(frozen=True)
class Child:
    """One started program."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    def exit_status(self) -> int | None:
        """Its exit status (negative: the signal that ended it), None while it runs.

        The process is not reaped, so that its id, which is also its group's, cannot pass to another.
        """
        if self.process.returncode is not None:
            return self.process.returncode
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def last_lines(self) -> str:
        """The end of its log."""
        with suppress(OSError):
            return "\n".join(self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
        return ""


class Supervisor:
    """Starts children and ends them all when its block ends. `folder` is its own: hold `only_one` on it."""

    def __init__(self, folder: Path, log_folder: Path) -> None:
        self._folder = folder
        self._log_folder = log_folder
        self._children: list[Child] = []

    def __enter__(self) -> Supervisor:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log_folder.mkdir(parents=True, exist_ok=True)
        end_leftovers(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ignoring_interrupts():
            self.stop()

    def start(self, name: str, command: Sequence[str], variables: Mapping[str, str]) -> Child:
        """Start a command in a session of its own; its output replaces `<log folder>/<name>.log`."""
        log_file = self._log_folder / f"{name}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=child_environment(variables),
                start_new_session=True,
            )
        child = Child(name, process, log_file)
        self._children.append(child)
        self._write_record()
        return child

    def run(
        self, name: str, command: Sequence[str], variables: Mapping[str, str], on_line: Callable[[str], None]
    ) -> None:
        """Run a command to its end; `on_line` hears each line of its output. Raises `SupervisorError` when it fails."""
        child = self.start(name, command, variables)
        with child.log_file.open(encoding="utf-8", errors="replace") as log:
            while (status := child.exit_status()) is None:
                self.check(besides=child)
                _tell_lines(log, on_line)
                time.sleep(POLL_SECONDS)
            _tell_lines(log, on_line)
        _signal_group(child.process.pid, signal.SIGKILL)
        child.process.wait()
        self._children.remove(child)
        self._write_record()
        if status != 0:
            raise _ended(child, status)

    def wait_until(self, child: Child, is_ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait for a child to be ready. Raises `SupervisorError` when it (or another) ends, or time runs out."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise SupervisorError(
                    f"{child.name} was not ready after {seconds:.0f} seconds. "
                    f"The end of {child.log_file}:\n{child.last_lines()}"
                )
            time.sleep(POLL_SECONDS)

    def check(self, *, besides: Child | None = None) -> None:
        """Raise `SupervisorError` with the end of its log for a child that has ended."""
        for child in self._children:
            status = None if child is besides else child.exit_status()
            if status is not None:
                raise _ended(child, status)

    def watch(self) -> None:
        """Stay until a child ends (`SupervisorError`) or somebody interrupts."""
        while True:
            self.check()
            time.sleep(0.5)

    def stop(self) -> None:
        """End every child with all that it started, the latest first."""
        children = list(reversed(self._children))
        for child in children:
            _signal_group(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while any(child.exit_status() is None for child in children) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        for child in children:
            # Also where the leader has ended: its own children may not have.
            _signal_group(child.process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(timeout=KILL_SECONDS)
        self._children.clear()
        self._write_record()

    def _write_record(self) -> None:
        record = [{"pid": child.process.pid, "started": _start_time(child.process.pid)} for child in self._children]
        (self._folder / RECORD).write_text(json.dumps(record), encoding="utf-8")


def end_leftovers(folder: Path) -> None:
    """End the groups of a supervisor that was killed; a process id alone proves nothing, its start time does."""
    with suppress(OSError, ValueError):
        for entry in json.loads((folder / RECORD).read_text(encoding="utf-8")):
            if entry["started"] is not None and _start_time(entry["pid"]) == entry["started"]:
                _signal_group(entry["pid"], signal.SIGKILL)
                deadline = time.monotonic() + KILL_SECONDS
                while _start_time(entry["pid"]) == entry["started"] and time.monotonic() < deadline:
                    time.sleep(POLL_SECONDS)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder for the length of the block. Raises `SupervisorError` where somebody holds it already."""
    folder.mkdir(parents=True, exist_ok=True)
    # Not inherited by children: the lock must end with this process, however it ends.
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise SupervisorError(f"It is running already; its files are in {folder.parent}") from None
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does, so that nothing is left running.

    SIGINT is set too: a shell without job control starts background commands with it ignored.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """An impatient second Ctrl-C must not stop the cleaning up."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(child: Child, status: int) -> SupervisorError:
    how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
    return SupervisorError(f"{child.name} ended {how}. The end of {child.log_file}:\n{child.last_lines()}")


def _tell_lines(log: TextIO, on_line: Callable[[str], None]) -> None:
    """The lines that were added since the last call; half a line waits for its end."""
    while True:
        position = log.tell()
        line = log.readline()
        if not line.endswith("\n"):
            log.seek(position)
            return
        on_line(line.rstrip("\n"))


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _start_time(process_id: int) -> str | None:
    """When a process began, in ticks since the machine did; None where there is no such process (or no /proc)."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    # A zombie has ended; it is only not yet collected.
    return None if fields[0] == "Z" else fields[19]
