"""Build the marts in a test: real dbt, in this process, on the test's own database."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.settings import Settings
from ingestion.pipelines import prepare_raw_tables
from orchestration import dbt
from tests.conftest import make_database

# One name for all: for another database dbt would parse the whole project again, which takes as long as a build.
DATABASE = "dpp_marts"
SILENT_VENDORS = ("alertmanager", "bitbucket", "gitlab", "opsgenie", "pagerduty")


def marts_database(server: Settings) -> Settings:
    """A fresh database with empty raw tables; the one that was there before is gone, so one file has one at a time."""
    made = make_database(server, DATABASE)
    prepare_raw_tables(made)
    return made


def built_once(settings: Settings, engine: Engine, name: str, build: Callable[[], None]) -> None:
    """Bring the database to where `build` brings it; the second time, and each after it, a copy is put in its place.

    `name` is the state's, and unique in the suite. Connections to the database end.
    """
    server = make_engine(database_url(settings, database="postgres"), pool_size=1)
    copy = f"{DATABASE}_{name}"
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        known = {"name": copy}
        is_kept = connection.execute(text("select 1 from pg_database where datname = :name"), known).first() is not None
        if not is_kept:
            build()
        engine.dispose()
        # dbt leaves its own open, and a database that is copied has none.
        end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"
        connection.execute(text(end), {"name": DATABASE})
        if is_kept:
            connection.execute(text(f'drop database "{DATABASE}" with (force)'))
            connection.execute(text(f'create database "{DATABASE}" template "{copy}"'))
        else:
            connection.execute(text(f'create database "{copy}" template "{DATABASE}"'))
    server.dispose()


def of_silent_vendors(settings: Settings) -> Sequence[str]:
    """What a build may leave out where no incident tool, GitLab or Bitbucket has said anything: nothing at first.

    Later their staging tables stand, empty, and dbt takes as long over an empty one as over another.
    """
    engine = make_engine(database_url(settings), pool_size=1)
    with engine.connect() as connection:
        is_built = (
            connection.execute(text("select to_regclass('staging.stg_gitlab__deployments')")).scalar() is not None
        )
    engine.dispose()
    return [f"path:models/staging/{vendor}" for vendor in SILENT_VENDORS] if is_built else []


def build_marts(
    settings: Settings,
    as_of: datetime,
    *,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    command: str = "build",
) -> list[str]:
    """Run dbt on the settings' database as of an instant; the kinds and names of what ran, as `unit_test: name`.

    Fails the test with dbt's own message.
    """
    variables = json.dumps(dbt.variables(settings))
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # dbt's own libraries warn; our warnings stay errors.
        warnings.simplefilter("ignore")
        for name, value in dbt.environment(settings, as_of).items():
            patch.setenv(name, value)
        outcome = _dbt(
            command,
            variables,
            *(["--full-refresh"] if full_refresh else []),
            *(["--select", *select] if select else []),
            *(["--exclude", *exclude] if exclude else []),
            manifest=_parsed(variables, settings.database_url),
        )
    results = getattr(outcome.result, "results", [])
    failed = [
        f"{result.node.name}: {result.message}"
        for result in results
        if result.status not in ("success", "pass", "skipped", "warn", "no-op")
    ]
    assert outcome.success, "\n".join(failed)
    return [f"{result.node.resource_type}: {result.node.name}" for result in results]


@lru_cache(maxsize=1)
def _parsed(variables: str, _database: str) -> Any:
    """The project as dbt has read it, for every build on the database of that name."""
    return _dbt("parse", variables).result


def _dbt(command: str, variables: str, *arguments: str, manifest: Any = None) -> Any:
    """Invoke dbt in this process; raises what it raises."""
    from dbt.cli.main import dbtRunner

    outcome = dbtRunner(manifest=manifest).invoke(
        [
            command,
            "--quiet",
            "--no-write-json",
            "--project-dir",
            str(dbt.PROJECT_FOLDER),
            "--vars",
            variables,
            *arguments,
        ]
    )
    if outcome.exception is not None:
        raise outcome.exception
    return outcome
