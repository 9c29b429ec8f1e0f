"""Where the tests find a Chromium, and what they say where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import browser


def test_the_systems_chromium_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundled = tmp_path / "chrome"
    bundled.touch()
    known = {"google-chrome": "/opt/chrome"}
    monkeypatch.setattr(browser.shutil, "which", known.get)
    assert browser.find_chromium(str(bundled)) == "/opt/chrome"
    known.clear()
    assert browser.find_chromium(str(bundled)) == str(bundled)
    assert browser.find_chromium(str(tmp_path / "nothing")) is None
    assert browser.find_chromium() is None


def test_without_a_chromium_the_message_says_how_to_get_one() -> None:
    assert "apt-get install chromium" in browser.HOW_TO_GET_ONE
    assert "playwright install" in browser.HOW_TO_GET_ONE
