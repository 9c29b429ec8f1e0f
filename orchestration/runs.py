"""Run a Dagster job in this process, on the persistent instance, so that Dagster's page shows it like any other.

In: settings, a job's name, what to build. Out: rebuilt tables, or `RunFailed` with the reason in a few lines.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.database import get_engine
from core.settings import Settings
from orchestration import dbt
from orchestration.build_lock import is_building
from orchestration.environment import export
from orchestration.errors import CommandError
from orchestration.instance import open_instance
from orchestration.progress import Listener, listening

if TYPE_CHECKING:
    import dagster as dg

LONGEST_REASON = 3000


class RunFailed(CommandError):
    """A step of the run failed; the message holds the reason and names the log."""


def run_job(
    settings: Settings,
    job_name: str,
    listener: Listener,
    *,
    select: str | None = None,
    full_refresh: bool = False,
) -> None:
    """Run a job to its end; `listener` hears of every finished table.

    `select` is a selection in Dagster's syntax (`group:cycles`, `key:"metrics/weekly_throughput"+`) that narrows
    the job. Raises `RunFailed`, and `CommandError` for a selection that names nothing in the job.
    """
    export(dbt.environment(settings))
    log_file = settings.home / "logs" / f"{job_name}.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with open_instance(settings) as instance, _output_to(log_file):
        # Dagster and dbt take seconds to import: only those who build pay for it.
        from orchestration.definitions import definitions
        from orchestration.defs.operations.jobs import IN_PROCESS_TAG

        job = definitions.resolve_job_def(job_name)
        keys = _selected(definitions, job, select)
        with listening(listener):
            result = job.execute_in_process(
                instance=instance,
                asset_selection=keys,
                run_config=_configuration(keys) if full_refresh else None,
                tags={IN_PROCESS_TAG: "true"},
                raise_on_error=False,
            )
    if not result.success:
        raise RunFailed(f"{_reason(result)}\nThe whole log: {log_file}")


def _selected(definitions: dg.Definitions, job: dg.JobDefinition, select: str | None) -> list[dg.AssetKey] | None:
    """The assets of the job that the selection names; None for all of them."""
    import dagster as dg

    if select is None:
        return None
    wanted = dg.AssetSelection.from_string(select).resolve(definitions.resolve_asset_graph())
    keys = sorted(wanted & set(job.asset_layer.executable_asset_keys))
    if not keys:
        raise CommandError(f"The selection {select!r} names no table that is built here")
    return keys


def fail_dead_runs(settings: Settings) -> int:
    """Mark runs as failed whose process is gone; returns how many. For the start of Dagster, when no daemon runs.

    A run that was killed with its daemon would count as running for hours, and hold its place in the pool.
    """
    import dagster as dg

    from orchestration.defs.operations.jobs import IN_PROCESS_TAG

    begun = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    somebody_builds = is_building(get_engine())
    with open_instance(settings) as instance:
        dead = [
            run
            for run in instance.get_runs(filters=dg.RunsFilter(statuses=begun))
            if not (IN_PROCESS_TAG in run.tags and somebody_builds)
        ]
        for run in dead:
            instance.report_run_failed(run, "The process of this run had ended without a word.")
    return len(dead)


def _configuration(keys: list[dg.AssetKey] | None) -> dict[str, Any] | None:
    """Tells the dbt step to start from nothing, where that step is part of the run at all."""
    from orchestration.defs.transform.marts import marts

    if keys is not None and not marts.keys & set(keys):
        return None
    return {"ops": {marts.op.name: {"config": {"full_refresh": True}}}}


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """The innermost causes of the failed steps."""
    reasons = []
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        reasons.append(error.message.strip() if error is not None else event.message or "")
    return "\n".join(reasons)[-LONGEST_REASON:] or "The run failed."


@contextmanager
def _output_to(log_file: Path) -> Iterator[None]:
    """Everything that libraries print in this block goes to a file; whoever shows progress has a copy of the output."""
    sys.stdout.flush()
    sys.stderr.flush()
    before = [(number, os.dup(number)) for number in (1, 2)]
    with log_file.open("wb") as file:
        for number, _ in before:
            os.dup2(file.fileno(), number)
    try:
        yield
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in before:
            os.dup2(kept, number)
            os.close(kept)
