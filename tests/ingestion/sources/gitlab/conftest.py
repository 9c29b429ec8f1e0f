"""A GitLab with two projects, and settings that point at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from core import clock
from core.settings import Settings
from ingestion.sources import http
from tests.ingestion.sources.gitlab.server import GitLabServer, Project
from tests.ingestion.sources.gitlab.things import START, deployment, merge_request, pipeline
from tests.ingestion.sources.vendor_server import TOKEN


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(http, "FIRST_DELAY_SECONDS", 0.001)
    with clock.stopped_at(START + timedelta(days=30)):
        yield


def pay() -> Project:
    """A project with seven merge requests, one pipeline and one deployment."""
    return Project(
        1,
        "acme/pay",
        merge_requests=[merge_request(number) for number in range(1, 8)],
        pipelines=[pipeline(31, 60)],
        deployments=[deployment(41, 61)],
    )


@pytest.fixture
def gitlab() -> Iterator[GitLabServer]:
    with GitLabServer(pay(), Project(2, "Acme/shop/web"), page_size=3) as server:
        yield server


@pytest.fixture
def settings(raw_tables: Settings, gitlab: GitLabServer) -> Settings:
    (raw_tables.secrets_path).mkdir(parents=True, exist_ok=True)
    (raw_tables.secrets_path / "gitlab_token").write_text(TOKEN)
    return raw_tables.model_copy(update={"gitlab_url": gitlab.url, "gitlab_groups": ("acme",)})
