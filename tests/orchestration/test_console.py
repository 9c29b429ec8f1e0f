"""Progress for people: a bar on a terminal, plain lines elsewhere, and nothing of what libraries print."""

from __future__ import annotations

import io

from rich.console import Console

from orchestration.console import Reporter


def reporter(*, terminal: bool, width: int = 100) -> tuple[Reporter, io.StringIO]:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=width, highlight=False, color_system=None)
    return Reporter(console, line_every=0), screen


def test_without_a_terminal_each_step_is_a_few_plain_lines() -> None:
    shown, screen = reporter(terminal=False)
    with shown.step("Marts") as update:
        update(3, 40, "cycles.pr_cycles")
        update(2_500, 0, "")
    lines = screen.getvalue().splitlines()
    assert lines[:3] == ["… Marts", "  Marts: 3 of 40 cycles.pr_cycles", "  Marts: 2500"]
    assert lines[3].startswith("✓ Marts (")


def test_on_a_terminal_the_bar_is_not_mixed_with_what_libraries_print() -> None:
    shown, screen = reporter(terminal=True)
    with shown.step("Marts") as update:
        update(3, 40, "cycles.pr_cycles")
        print("noise of a library")
    assert "3/40" in screen.getvalue()
    assert "noise of a library" not in screen.getvalue()


def test_a_step_that_fails_is_not_ticked_off() -> None:
    shown, screen = reporter(terminal=False)
    try:
        with shown.step("Marts"):
            raise RuntimeError
    except RuntimeError:
        pass
    assert "✓" not in screen.getvalue()


def test_the_frame_never_cuts_a_line() -> None:
    long = "The same password opens " + "lead@demo.example, " * 8
    for terminal in (True, False):
        shown, screen = reporter(terminal=terminal, width=60)
        shown.box("Addresses", ["Dashboard   http://localhost:8000", long])
        assert "".join(screen.getvalue().split()).count("lead@demo.example") == 8
