"""What a long command says while it works: moving bars on a terminal, plain lines anywhere else.

In: steps with a title and, where known, counts. Out: lines on standard output. The output is copied at the
start, so a library that redirects standard output (Dagster's capture of logs) does not swallow it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

# Called with what is done, what there is to do, and a word about the latest.
Update = Callable[[int, int, str], None]


class Reporter:
    """Tells a person how far things are."""

    def __init__(self, console: Console | None = None, *, line_every: float = 5.0) -> None:
        """`line_every`: seconds between two plain lines of one step."""
        self.console = console or Console(file=_own_stdout(), highlight=False, soft_wrap=True)
        self.line_every = line_every

    def say(self, line: str = "") -> None:
        """One line, with Rich's markup."""
        self.console.print(line)

    def box(self, title: str, lines: Sequence[str]) -> None:
        """Lines that should not be missed; in a frame where the terminal is wide enough for it."""
        text = "\n".join(lines)
        if self.console.is_terminal and self.console.width >= max(map(len, lines)) + 6:
            self.console.print(Panel.fit(text, title=title, padding=(1, 2)))
        else:
            self.console.print(f"\n{title}\n\n{text}\n", markup=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Update]:
        """Announce a step, show its progress, and say at its end how long it took."""
        started = time.monotonic()
        shown = self._bar(title) if self.console.is_terminal else self._lines(title)
        with shown as update:
            yield update
        self.say(f"[green]✓[/green] {title} [dim]({time.monotonic() - started:.1f} s)[/dim]")

    @contextmanager
    def _bar(self, title: str) -> Iterator[Update]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[latest]}[/dim]"),
        )
        # Without the redirection: what libraries print belongs to wherever standard output was sent, not above the bar.
        quiet = Progress(*columns, console=self.console, transient=True, redirect_stdout=False, redirect_stderr=False)
        with quiet as progress:
            task = progress.add_task(title, total=None, count="", latest="")

            def update(done: int, total: int, latest: str) -> None:
                count = f"{done:,}/{total:,}" if total else ""
                progress.update(task, completed=done, total=total or None, count=count, latest=latest)

            yield update

    @contextmanager
    def _lines(self, title: str) -> Iterator[Update]:
        self.say(f"… {title}")
        last = time.monotonic()

        def update(done: int, total: int, latest: str) -> None:
            nonlocal last
            if time.monotonic() - last < self.line_every:
                return
            last = time.monotonic()
            of_total = f" of {total}" if total else ""
            self.say(f"  {title}: {done}{of_total} {latest}".rstrip())

        yield update


def _own_stdout() -> TextIO:
    """A copy of standard output that stays where it is; standard output itself where it has no file (tests)."""
    try:
        return os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace", buffering=1)
    except (OSError, ValueError):
        return sys.stdout
