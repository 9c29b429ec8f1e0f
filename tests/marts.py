"""Build the marts in a test: real dbt, in this process, on the test's own database."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from datetime import datetime

import pytest

from core.settings import Settings
from orchestration import dbt


def build_marts(
    settings: Settings,
    as_of: datetime,
    *,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    command: str = "build",
) -> list[str]:
    """Run dbt on the settings' database as of an instant; the kinds and names of what ran, as `unit_test: name`.

    Fails the test with dbt's own message.
    """
    from dbt.cli.main import dbtRunner

    arguments = [
        command,
        "--quiet",
        "--project-dir",
        str(dbt.PROJECT_FOLDER),
        "--vars",
        json.dumps(dbt.variables(settings)),
        *(["--full-refresh"] if full_refresh else []),
        *(["--select", *select] if select else []),
    ]
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # dbt's own libraries warn; our warnings stay errors.
        warnings.simplefilter("ignore")
        for name, value in dbt.environment(settings, as_of).items():
            patch.setenv(name, value)
        outcome = dbtRunner().invoke(arguments)
    if outcome.exception is not None:
        raise outcome.exception
    results = getattr(outcome.result, "results", [])
    failed = [
        f"{result.node.name}: {result.message}"
        for result in results
        if result.status not in ("success", "pass", "skipped", "warn", "no-op")
    ]
    assert outcome.success, "\n".join(failed)
    return [f"{result.node.resource_type}: {result.node.name}" for result in results]
