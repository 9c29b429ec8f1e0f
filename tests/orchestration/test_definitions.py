"""Dagster finds everything by folder, and the lineage reaches from the sources to the forecast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.settings import PROJECT_ROOT
from ingestion.sources.tables import RAW_TABLES

RAW = {f"{table.dataset}/{table.name}" for table in RAW_TABLES}

# In a process of its own: definitions are made from the settings when they are imported.
DESCRIBE = """
import json, sys
import dagster as dg
from orchestration.definitions import definitions
graph = definitions.resolve_asset_graph()
name = lambda key: key.to_user_string()
repository = definitions.get_repository_def()
json.dump({
    "parents": {
        name(key): sorted(name(parent) for parent in graph.get(key).parent_keys) for key in graph.get_all_asset_keys()
    },
    "groups": {name(key): graph.get(key).group_name for key in graph.get_all_asset_keys()},
    "built": [name(key) for key in graph.executable_asset_keys],
    "checks": len(graph.asset_check_keys),
    "jobs": {
        job: [name(key) for key in definitions.resolve_job_def(job).asset_layer.executable_asset_keys]
        for job in ("rebuild", "update_marts", "sprints", "daily", "tidy")
    },
    "steps": {
        job: sorted(node.name for node in definitions.resolve_job_def(job).nodes) for job in ("rebuild", "daily")
    },
    "nightly": [node.name for node in definitions.resolve_job_def("reconcile").nodes],
    "schedules": {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs},
    "sensors": [sensor.name for sensor in repository.sensor_defs],
}, sys.stdout)
"""


def describe(home: Path, **variables: str) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DPP_")}
    # The definitions connect to nothing, so a server that is not there will do.
    database = {"DPP_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/dpp"}
    done = subprocess.run(
        [sys.executable, "-W", "error::dagster.PreviewWarning", "-c", DESCRIBE],
        env={**kept, "DPP_HOME": str(home), **database, **variables},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    described: dict[str, Any] = json.loads(done.stdout)
    return described


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for both descriptions, so that the dbt project is parsed once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def graph(home: Path) -> dict[str, Any]:
    return describe(home)


def ancestors(graph: dict[str, Any], key: str) -> set[str]:
    found: set[str] = set()
    waiting = [key]
    while waiting:
        for parent in graph["parents"][waiting.pop()]:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def test_the_forecast_descends_from_every_source_of_work_items(graph: dict[str, Any]) -> None:
    above = ancestors(graph, "forecast/forecast_snapshots")
    assert {"landing/raw_events", "raw_jira/issues", "config/status_mappings", "events/work_item_events"} <= above
    assert {"metrics/weekly_throughput", "metrics/wip_by_stage"} == set(graph["parents"]["forecast/forecast_snapshots"])


def test_the_confidence_in_a_sprint_descends_from_its_items_and_the_calendar(graph: dict[str, Any]) -> None:
    above = ancestors(graph, "forecast/sprint_confidence")
    assert {"events/sprint_snapshots", "raw_jira/sprints", "config/holidays", "cycles/work_item_cycles"} <= above


def test_deployment_numbers_descend_from_pushes_webhooks_and_git(graph: dict[str, Any]) -> None:
    above = ancestors(graph, "metrics/daily_stream_metrics")
    assert {"landing/raw_events", "raw_git/commits", "raw_git/pull_requests"} <= above


def test_nothing_hangs_in_the_air(graph: dict[str, Any]) -> None:
    """Every table without an upstream is one that somebody fills from outside, or a seed."""
    roots = {key for key, parents in graph["parents"].items() if not parents}
    # A table of words, written out in its own statement.
    roots = set(roots) - {"cycles/flow_item_types"}
    assert {key.split("/")[0].partition("_")[0] for key in roots} <= {"landing", "config", "raw", "metrics", "staging"}
    assert {graph["groups"][key] for key in roots} <= {"ingest", "seeds", "staging"}


def test_groups_are_folders(graph: dict[str, Any]) -> None:
    groups = graph["groups"]
    assert groups["landing/raw_events"] == groups["raw_jira/issues"] == groups["config/holidays"] == "ingest"
    assert groups["forecast/forecast_snapshots"] == "forecast"
    assert groups["cycles/work_item_cycles"] == "cycles"
    assert "default" not in groups.values()


def test_the_jobs_build_what_they_say(graph: dict[str, Any]) -> None:
    jobs = graph["jobs"]
    forecasts = {"forecast/forecast_snapshots", "forecast/sprint_confidence", "forecast/forecast_calibrations"}
    assert set(jobs["rebuild"]) - set(jobs["update_marts"]) == forecasts
    assert forecasts & set(jobs["sprints"]) == {"forecast/sprint_confidence"}
    assert set(jobs["rebuild"]) == {key for key in graph["built"] if not key.startswith("raw_")}
    assert set(jobs["daily"]) == set(graph["built"])
    assert jobs["tidy"] == []


def test_a_build_runs_dbt_once_and_the_forecasts_after_it(graph: dict[str, Any]) -> None:
    """Metrics show forecasts, and forecasts are made from metrics: nothing may cut the build in two around them."""
    forecasts = ["forecast__forecast_calibrations", "forecast__forecast_snapshots", "forecast__sprint_confidence"]
    assert graph["steps"] == {"rebuild": [*forecasts, "marts"], "daily": [*forecasts, "marts"]}


def test_the_clock_and_arrivals_start_runs(graph: dict[str, Any]) -> None:
    assert graph["schedules"] == {
        "every_two_hours": "15 */2 * * *",
        "every_night": "30 2 * * *",
        "every_day": "0 5 * * *",
        "every_week": "30 3 * * 0",
    }
    assert graph["sensors"] == ["new_events"]
    assert graph["checks"] > 0


def test_sources_are_pulled_only_where_they_are_configured(home: Path, graph: dict[str, Any]) -> None:
    assert not [key for key in graph["built"] if key.startswith("raw_")]
    assert graph["nightly"] == []
    configured = describe(
        home,
        DPP_JIRA_URL="https://jira.invalid",
        DPP_GIT_FOLDER=str(home),
        DPP_GITHUB_APP_ID="4711",
        DPP_GITLAB_URL="https://gitlab.invalid",
        DPP_GITLAB_GROUPS='["acme"]',
        DPP_BITBUCKET_WORKSPACES='["acme"]',
    )
    found_at_night = {"raw_jira/tombstones", "raw_github/repositories"}
    assert {key for key in configured["built"] if key.startswith("raw_")} == RAW - found_at_night
    assert set(configured["nightly"]) == {
        "jira_deletions",
        "github_repositories",
        "github_gaps",
        "gitlab_projects",
        "bitbucket_repositories",
    }
    assert {key for key in configured["jobs"]["sprints"] if key.startswith("raw_")} == {
        "raw_jira/sprints",
        "raw_jira/sprint_issues",
    }
    assert configured["parents"] == graph["parents"]
