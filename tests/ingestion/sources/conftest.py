"""What the tests of the sources stand on."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from sqlalchemy import Engine, text

from core.secrets import secrets_for
from core.settings import Settings
from ingestion import pipelines
from tests.ingestion.sources.jira_server import EMAIL, TOKEN, JiraServer

Query = Callable[..., Sequence[Any]]
JiraSettings = Callable[..., Settings]


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


@pytest.fixture
def jira_settings(raw_tables: Settings, tmp_path: Path) -> JiraSettings:
    """Settings that name a loopback Jira: `jira_settings(server, jira_jql="…")`."""

    def name(server: JiraServer, **options: object) -> Settings:
        folder = tmp_path / "secrets"
        folder.mkdir(exist_ok=True)
        (folder / "jira_api_token").write_text(TOKEN)
        (folder / "pseudonym_key").write_text(secrets_for(raw_tables).get("pseudonym_key"))
        named = {
            "secrets_folder": folder,
            "jira_url": server.url,
            "jira_deployment": server.deployment,
            "jira_email": EMAIL if server.deployment == "cloud" else "",
        }
        return raw_tables.model_copy(update=named | options)

    return name


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
