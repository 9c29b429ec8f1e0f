"""A transaction on a clean database with empty raw tables; what a test writes is rolled back at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from core.settings import Settings
from ingestion.pipelines import prepare_raw_tables


@pytest.fixture
def connection(database: Settings, clean_database: Engine) -> Iterator[Connection]:
    prepare_raw_tables(database)
    with clean_database.connect() as made:
        yield made
        made.rollback()
