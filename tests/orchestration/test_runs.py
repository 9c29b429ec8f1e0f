"""Runs whose process is gone are not believed to be running; those of a living build are left alone."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine

from core.settings import Settings
from orchestration import runs
from orchestration.build_lock import build_lock
from orchestration.defs.operations.jobs import IN_PROCESS_TAG
from orchestration.instance import environment, open_instance

STARTED = dg.DagsterRunStatus.STARTED


@pytest.fixture
def settings(database: Settings, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose Dagster has a home of its own; the variables that opening it exports go again."""
    made = database.model_copy(update={"home": tmp_path})
    monkeypatch.setattr(runs, "get_engine", lambda: engine)
    for name, value in environment(made).items():
        monkeypatch.setenv(name, value)
    return made


def statuses(settings: Settings, run_ids: list[str]) -> list[dg.DagsterRunStatus]:
    with open_instance(settings) as instance:
        return [instance.get_runs(filters=dg.RunsFilter(run_ids=[run_id]))[0].status for run_id in run_ids]


def test_a_run_that_was_killed_is_marked_as_failed_unless_a_command_may_be_building_it(
    settings: Settings, engine: Engine
) -> None:
    launched = dg.DagsterRun(job_name="update_marts", status=STARTED)
    commanded = dg.DagsterRun(job_name="rebuild", status=STARTED, tags={IN_PROCESS_TAG: "true"})
    finished = dg.DagsterRun(job_name="rebuild", status=dg.DagsterRunStatus.SUCCESS)
    with open_instance(settings) as instance:
        for run in (launched, commanded, finished):
            instance.add_run(run)
    ids = [launched.run_id, commanded.run_id, finished.run_id]
    failed, success = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS

    with build_lock(engine, print):
        assert runs.fail_dead_runs(settings) == 1
    assert statuses(settings, ids) == [failed, STARTED, success]

    assert runs.fail_dead_runs(settings) == 1
    assert statuses(settings, ids) == [failed, failed, success]
    assert runs.fail_dead_runs(settings) == 0
