"""One history of the whole period, made once; tests that need another make a short one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingestion.demo.history import History
from ingestion.demo.payloads import Signing
from ingestion.demo.simulation import simulate
from ingestion.demo.truth import Truth, truth_of

# A Friday morning in the middle of a sprint.
END = datetime(2026, 3, 6, 10, 30, tzinfo=UTC)
SIGNING = Signing(github_secret="the github secret", jira_secret="the jira secret", api_key="the key")


@pytest.fixture(scope="session")
def history() -> History:
    """Eighteen months up to `END`."""
    return simulate(END)


@pytest.fixture(scope="session")
def truth(history: History) -> Truth:
    """The right answers for it."""
    return truth_of(history)


@pytest.fixture(scope="session")
def short_history() -> History:
    """Three months up to `END`."""
    return simulate(END, months=3)
