"""Pull a Jira site into the platform's database, without Dagster.

In: the settings (DPP_JIRA_URL, DPP_JIRA_EMAIL, …) and what to do: all by default. Out: rows in `raw_jira`.

python -m ingestion.sources.jira [issues | sprints | registry | reconcile | all] [--accept-losses]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from dlt.pipeline.exceptions import PipelineStepFailed

from core.logging import configure_logging
from core.settings import Settings, SettingsError, exit_on_wrong_settings
from ingestion import pipelines
from ingestion.pipelines import LoadResult
from ingestion.sources.jira import JiraError
from ingestion.sources.jira.pull import pull_jira, pull_registry, pull_sprints, reconcile_jira, sync_sprints

STEPS = ("registry", "issues", "sprints", "reconcile")


def main(arguments: list[str]) -> int:
    """Run the steps one after the other; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ingestion.sources.jira", description=__doc__)
    parser.add_argument("step", nargs="?", choices=(*STEPS, "all"), default="all")
    parser.add_argument(
        "--accept-losses", action="store_true", help="believe Jira where much less is there than is held"
    )
    asked = parser.parse_args(arguments)
    settings = exit_on_wrong_settings()
    configure_logging(settings)
    for step in STEPS if asked.step == "all" else (asked.step,):
        try:
            results = _functions(settings, accept_losses=asked.accept_losses)[step]()
        except PipelineStepFailed as error:
            sys.stderr.write(f"{step}: {pipelines.reason(error)}\n")
            return 1
        except (JiraError, SettingsError, pipelines.LostRowsError) as error:
            sys.stderr.write(f"{step}: {error}\n")
            return 1
        for result in results:
            sys.stdout.write(f"{step}: {result}\n")
    return 0


def _functions(settings: Settings, *, accept_losses: bool) -> dict[str, Callable[[], list[LoadResult]]]:
    def sprints() -> list[LoadResult]:
        results = pull_sprints(settings)
        sync_sprints(settings)
        return results

    return {
        "registry": lambda: pull_registry(settings, accept_losses=accept_losses),
        "issues": lambda: pull_jira(settings),
        "sprints": sprints,
        "reconcile": lambda: reconcile_jira(settings, accept_losses=accept_losses),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
