"""A person signs in through a certified provider, in a real browser, on the whole website."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text

from core.settings import PROJECT_ROOT, Settings
from tests.app.certificates import Certificate, make_certificate
from tests.browser import WAIT_MS, browser
from tests.conftest import in_ci

__all__ = ["browser"]

PROVIDER_FOLDER = PROJECT_ROOT / "tests" / "identity_provider"
NOT_INSTALLED = "needs the identity provider: npm ci --prefix tests/identity_provider (Node.js 20 or later)"
CLIENT = {"client_id": "the-platform", "client_secret": "a secret of the tests, long enough"}
PEOPLE = {
    "lead": {"name": "Stream lead", "preferred_username": "stream.lead@example.org", "groups": ["dpp-leads"]},
    "stranger": {"name": "Stranger", "preferred_username": "stranger@example.org", "groups": ["somebody-else"]},
    "everywhere": {"name": "In many groups", "preferred_username": "many@example.org", "hasgroups": True},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """The provider's and the platform's."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def provider(certificate: Certificate, ports: tuple[int, int]) -> Iterator[str]:
    """Address of the provider, a process of Node.js."""
    node = shutil.which("node")
    if node is None or not (PROVIDER_FOLDER / "node_modules").exists():
        if in_ci():
            pytest.fail(NOT_INSTALLED)
        pytest.skip(NOT_INSTALLED)
    site = f"http://127.0.0.1:{ports[1]}"
    given = {
        **CLIENT,
        "port": ports[0],
        "key": str(certificate.key),
        "certificate": str(certificate.certificate),
        "redirect_uri": f"{site}/auth/callback",
        "signed_out_uri": f"{site}/auth/sign-in",
        "people": PEOPLE,
    }
    process = subprocess.Popen(
        [node, "server.mjs", json.dumps(given)],
        cwd=PROVIDER_FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield f"https://127.0.0.1:{ports[0]}/tenant"
        process.kill()


@pytest.fixture(scope="module")
def platform(
    provider: str, certificate: Certificate, ports: tuple[int, int], database: Settings, tmp_path_factory: Path
) -> Iterator[str]:
    """Address of the whole website, a process of its own."""
    secrets = database.secrets_path
    secrets.mkdir(parents=True, exist_ok=True)
    (secrets / "oidc_client_secret").write_text(CLIENT["client_secret"])
    url = f"http://127.0.0.1:{ports[1]}"
    assert database.database_url is not None
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DPP_")},
        "DPP_HOME": str(database.home),
        "DPP_DATABASE_URL": database.database_url,
        "DPP_ENVIRONMENT": "test",
        "DPP_PORT": str(ports[1]),
        "AUTH_METHOD": "oidc",
        "OIDC_ISSUER_URL": provider,
        "OIDC_CLIENT_ID": CLIENT["client_id"],
        "OIDC_REDIRECT_URI": f"{url}/auth/callback",
        "REQUESTS_CA_BUNDLE": str(certificate.bundle),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "web"],
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process:
        deadline = time.monotonic() + 60
        while not _answers(url):
            assert process.poll() is None, "the website ended while it started"
            assert time.monotonic() < deadline, "the website did not start in time"
            time.sleep(0.2)
        yield url
        process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def page(browser: Browser, clean_database: Engine) -> Iterator[Page]:
    """A browser's window with a profile of its own that trusts the provider's certificate."""
    with clean_database.begin() as connection:
        connection.execute(
            text("insert into auth.group_role_mappings (group_pattern, role) values ('dpp-leads', 'stream_lead')")
        )
    profile = browser.new_context(ignore_https_errors=True)
    profile.set_default_timeout(WAIT_MS)
    yield profile.new_page()
    profile.close()


def sign_in(page: Page, platform: str, login: str) -> None:
    """From the dashboard's address through the provider's two pages and back."""
    page.goto(f"{platform}/?range=90d")
    page.get_by_role("link", name="Sign in with your organisation").click()

    page.fill("input[name=login]", login)
    page.fill("input[name=password]", "any will do")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_somebody_with_a_mapped_group_comes_to_the_dashboard_and_leaves_for_good(page: Page, platform: str) -> None:
    sign_in(page, platform, "lead")
    page.wait_for_url(f"{platform}/?range=90d")
    page.get_by_role("button", name="Sign out").or_(page.get_by_text("Sign out")).first.wait_for()
    [cookie] = [cookie for cookie in page.context.cookies() if cookie["name"] == "dpp_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")

    httpx.post(f"{platform}/auth/sign-out", cookies={"dpp_session": cookie["value"]}, trust_env=False)
    page.goto(f"{platform}/")
    expect(page.get_by_role("link", name="Sign in with your organisation")).to_be_visible()


def test_somebody_without_a_mapped_group_is_told_why(page: Page, platform: str) -> None:
    sign_in(page, platform, "stranger")
    expect(page.get_by_role("alert")).to_contain_text("none of your groups has a role")


def test_the_way_back_cannot_be_walked_twice(page: Page, platform: str) -> None:
    answers: list[str] = []
    page.on("request", lambda request: answers.append(request.url) if "/auth/callback" in request.url else None)
    sign_in(page, platform, "lead")
    page.wait_for_url(f"{platform}/?range=90d")
    page.goto(answers[0])
    expect(page.get_by_role("alert")).to_contain_text("has been used")
