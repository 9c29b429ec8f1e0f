"""What the promises stand on."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from core.settings import Settings
from ingestion import pipelines


@pytest.fixture
def raw_tables(clean_database: Engine, database: Settings) -> Settings:
    """Settings of a clean database whose raw tables exist and are empty."""
    pipelines.prepare_raw_tables(database)
    return database


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    """How often to kill what a test runs: `--kills`."""
    return int(pytestconfig.getoption("kills"))
