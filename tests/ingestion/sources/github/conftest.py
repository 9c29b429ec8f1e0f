"""A small company at GitHub: two organisations with the App, and settings that read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import clock
from core.settings import Settings
from ingestion.sources.github import client
from tests.ingestion.sources.github.model import (
    ALICE,
    BOB,
    CAROL,
    DEPENDABOT,
    START,
    Account,
    Deployment,
    Pull,
    Release,
    Repo,
    Review,
)
from tests.ingestion.sources.github.server import APP_ID, PERSONAL_TOKEN, GithubServer, Installation, private_key

ACME, BETA = Account("acme", "Organization"), Account("beta", "Organization")
DAY = 24 * 60
NOW = START.replace(day=20)
__all__ = ["ACME", "ALICE", "BETA", "BOB", "CAROL", "DAY", "NOW"]


def payments() -> Repo:
    """130 pull requests, some releases and deployments; #1 has more reviews and commits than a page."""
    pulls = [Pull(number, number * 10, merged=number * 10 + 5 if number % 2 else None) for number in range(2, 130)]
    long = Pull(1, 5, reviews=[Review(number, 6 + number, "commented") for number in range(1, 46)], commits=130)
    bots = Pull(130, 1_400, by=DEPENDABOT, reviews=[Review(900, 1_405), Review(901, 1_406, "pending")])
    return Repo(
        101,
        ACME,
        "payments",
        pulls=[*pulls, long, bots],
        releases=[Release(number, number * 60, f"v{number}") for number in range(1, 6)],
        deployments=[
            Deployment(number, number * 60, [(number * 60 + 1, "in_progress"), (number * 60 + 4, "success")])
            for number in range(1, 8)
        ],
    )


@pytest.fixture
def site() -> Iterator[GithubServer]:
    """The site, with the App in one organisation."""
    ledger = Repo(102, ACME, "ledger", pulls=[Pull(1, 30), Pull(2, 60, closed=90)])
    with GithubServer([payments(), ledger], [Installation(1, ACME)]) as server:
        yield server


@pytest.fixture
def beta(site: GithubServer) -> Repo:
    """A repository of a second organisation with the App."""
    site.installations.append(Installation(2, BETA))
    site.repositories.append(Repo(201, BETA, "reports", "trunk", pulls=[Pull(1, 30), Pull(2, 60)]))
    return site.repositories[-1]


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_DELAY_SECONDS", 0.001)


@pytest.fixture(autouse=True)
def _stopped_clock() -> Iterator[None]:
    """The day on which these tests are run matters to none of them."""
    with clock.stopped_at(NOW):
        yield


@pytest.fixture
def app(raw_tables: Settings, site: GithubServer, tmp_path: Path) -> Settings:
    """Settings of a platform that reads the site as the App."""
    return reading(raw_tables, site, tmp_path, github_app_private_key=private_key()).model_copy(
        update={"github_app_id": APP_ID}
    )


@pytest.fixture
def person(raw_tables: Settings, site: GithubServer, tmp_path: Path) -> Settings:
    """Settings of a platform that reads the site with a personal token."""
    return reading(raw_tables, site, tmp_path, github_token=PERSONAL_TOKEN)


def reading(settings: Settings, site: GithubServer, folder: Path, **secrets: str) -> Settings:
    """Settings with this site and these secrets."""
    for name, value in {"pseudonym_key": "the pseudonym key of the tests", **secrets}.items():
        (folder / name).write_text(value)
    return settings.model_copy(update={"github_api_url": site.url, "secrets_folder": folder})
