"""A real browser and the real website, for the tests that look at a page.

In: a Chromium of this machine, the test database. Out: fixtures `browser` and `website`, and `open_page`.
Without a Chromium the tests skip and say how to get one; where CI=true they fail instead.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine

from core.settings import Settings
from tests.conftest import in_ci, serving

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Chromium as root in a container, asking nothing of the network by itself.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOW_TO_GET_ONE = (
    "No Chromium found, so no page can be looked at. Install one with `apt-get install chromium` (Debian), "
    "or with `python -m playwright install --with-deps chromium`."
)
WAIT_MS = 30_000
Scheme = Literal["light", "dark"]


def find_chromium(bundled: str | None = None) -> str | None:
    """Path of a Chromium: the system's by its usual names, else the one that Playwright brought (`bundled`)."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    return bundled if bundled and Path(bundled).exists() else None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless Chromium for a module of tests; each page gets a profile of its own.

    Not for the whole run: while Playwright is on, an event loop of its runs in this thread, and no test could
    start one of its own.
    """
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            if in_ci():
                pytest.fail(HOW_TO_GET_ONE)
            pytest.skip(HOW_TO_GET_ONE)
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield launched
        launched.close()


@contextmanager
def open_page(
    browser: Browser, *, width: int = 1400, height: int = 900, scheme: Scheme = "light", is_stranger: bool = False
) -> Iterator[Page]:
    """A page without cookies; fails if it asks anything of another host than ours.

    Pages share one profile, which is emptied of cookies and keeps the files of the website: loading them anew is
    most of the time of a test. A page for `is_stranger` has a profile of its own, beside another page.
    """
    profile = browser.contexts[0] if browser.contexts and not is_stranger else browser.new_context()
    profile.set_default_timeout(WAIT_MS)
    profile.clear_cookies()
    page = profile.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if _is_foreign(request.url) else None)
    try:
        yield page
    finally:
        for opened in profile.pages:
            opened.close()
        if is_stranger:
            profile.close()
    assert foreign == [], f"the page asks other hosts: {foreign}"


def sign_in(page: Page, url: str, email: str, password: str) -> None:
    """Open an address, sign in on the page that it leads to, and go where it was meant to lead."""
    page.goto(url)
    page.fill("#email", email)
    page.fill("#password", password)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture(scope="session")
def website(database: Settings, engine: Engine) -> Iterator[str]:
    """Address of the whole web service on the test database. One in a process: Streamlit's runtime is a global."""
    from orchestration.web import create_app

    with serving(create_app(database, engine=engine)) as url:
        yield url


def _is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:", "chrome-error:"))
