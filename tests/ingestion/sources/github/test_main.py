"""The source runs alone, and says what it did or what to mend."""

from __future__ import annotations

import pytest

from core.settings import Settings
from ingestion.sources.github import __main__ as program
from tests.ingestion.sources.github.model import Pull
from tests.ingestion.sources.github.server import Fault, GithubServer


@pytest.fixture
def settings(app: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that the program finds."""
    monkeypatch.setattr(program, "exit_on_wrong_settings", lambda: app)
    return app


@pytest.mark.usefixtures("settings")
def test_each_command_says_what_it_did(site: GithubServer, capsys: pytest.CaptureFixture[str]) -> None:
    site.repositories[0].pulls = [Pull(1, 14 * 24 * 60)]
    assert program.main(["gaps"]) == 0
    assert "acme/payments 2026-01-19: 1 of 1 deliveries missed" in capsys.readouterr().out
    assert program.main([]) == 0
    assert "pull_requests: 2 fetched, 2 stored" in capsys.readouterr().out
    assert program.main(["sync"]) == 0
    assert "repositories: 2 fetched, 2 stored" in capsys.readouterr().out


@pytest.mark.usefixtures("settings")
def test_what_failed_is_said(site: GithubServer, capsys: pytest.CaptureFixture[str]) -> None:
    site.faults.append(Fault(401, {}, {"message": "Bad credentials"}))
    assert program.main(["pull"]) == 1
    assert "the App's installations: GET /app/installations: 401, Bad credentials" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["other"], ["pull", "again"]])
def test_an_unknown_command_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(arguments) == 2
    assert "python -m ingestion.sources.github" in capsys.readouterr().err
