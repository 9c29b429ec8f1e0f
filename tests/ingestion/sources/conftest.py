"""What the tests of the sources stand on."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from sqlalchemy import Engine, text

from core.settings import Settings
from ingestion import pipelines

Query = Callable[..., Sequence[Any]]


@pytest.fixture
def raw_tables(clean_database: Engine, database: Settings) -> Settings:
    """Settings of a clean database whose raw tables exist and are empty."""
    pipelines.prepare_raw_tables(database)
    return database


@pytest.fixture
def rows(engine: Engine) -> Query:
    """Ask the database: `rows("select …", name=value)` gives all rows."""

    def ask(query: str, **parameters: object) -> Sequence[Any]:
        with engine.connect() as connection:
            return connection.execute(text(query), parameters).all()

    return ask


@contextmanager
def failing_load(reason: str = "") -> Iterator[None]:
    """A load within the block must fail, for a reason that contains this text."""
    with pytest.raises(PipelineStepFailed) as failure:
        yield
    assert reason in pipelines.reason(failure.value)
    del failure
    with warnings.catch_warnings():
        # dlt 1.31 leaves a file open when it fails; better here than in a later test.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
