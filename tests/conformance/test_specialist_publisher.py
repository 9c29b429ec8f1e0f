"""GOV.UK's specialist-publisher, 2022 to 2026: our numbers against those worked out with plain git.

973 recorded production deployments go through the push API, 8,796 commits with 3,336 pull requests through the git
source; then dbt builds, and what stands in the marts is compared with `specialist-publisher.dora_expected.json`.
`DEFINITIONS` lists every number of theirs: where ours is the same number, and where it is another one and why.
Source: alphagov/specialist-publisher and GOV.UK's deployment records, MIT licence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from core import clock
from ingestion.load import Report, load_deployments, load_git
from ingestion.pipelines import LoadResult
from tests.conformance.conftest import Database, build_on_real_data
from tests.conftest import front_door_of
from tests.real_data import shared_data

NAME = "alphagov/specialist-publisher"
AS_OF = datetime(2026, 8, 25, tzinfo=UTC)
# They round every duration to four digits, and the percentile of them again.
ROUNDING = 0.000_101


@dataclass(frozen=True)
class Definition:
    """One number of theirs: what it is, what ours is, and how the two differ on the same data."""

    theirs: str
    meaning: str
    ours: str
    # SQL over `records` and `changes`, the marts' rows within the window.
    sql: str
    # What ours is, said in their numbers: the same name where both mean the same.
    expected: str
    why: str = ""


DEFINITIONS = (
    Definition(
        theirs="deployments",
        meaning="Production deployments that finished in the window.",
        ours="Rows of deployment_records, production, by deployed_at.",
        sql="select count(*) from records",
        expected="deployments",
    ),
    Definition(
        theirs="per_week",
        meaning="All production deployments per seven days.",
        ours="deployment_frequency (004 §6.4.1): those whose last status is success, per seven days.",
        sql="""
            select count(*) filter (where status = 'success')
            / (extract(epoch from cast(:until as timestamptz) - cast(:since as timestamptz)) / 86400) * 7
            from records
        """,
        expected="(deployments - rolled_back) / days * 7",
        why="A deployment that was rolled back delivered nothing that lasted; 004 counts status success alone.",
    ),
    Definition(
        theirs="rolled_back",
        meaning="Deployments that a later one replaced with an older commit.",
        ours="deployment_records.status = rolled_back, found by ancestry of commits, not by version numbers.",
        sql="select count(*) filter (where status = 'rolled_back') from records",
        expected="rolled_back",
    ),
    Definition(
        theirs="rollback_deploys",
        meaning="Deployments that put an older commit back.",
        ours="deployment_records.is_rollback.",
        sql="select count(*) filter (where is_rollback) from records",
        expected="rollback_deploys",
    ),
    Definition(
        theirs="noop",
        meaning="Deployments of the commit that was running already.",
        ours="A deployment that carries nothing; counted as a deployment like any other.",
        sql="""
            select count(*) from (
                select commit_sha, lag(commit_sha) over (order by deployed_at, record_id) as running
                from cycles.deployment_records
                where environment = 'production' and deployed_at < :until
                order by deployed_at desc limit (select count(*) from records)
            ) as with_running
            where commit_sha = running
        """,
        expected="noop",
    ),
    Definition(
        theirs="cfr_pct_all",
        meaning="Rolled back, of all deployments, the rollbacks' own among them.",
        ours="change_failure_rate (004 §6.4.2).",
        sql="""
            select 100.0 * count(*) filter (where status = 'rolled_back' or caused_incident) / nullif(count(*), 0)
            from records
        """,
        expected="cfr_pct_all",
    ),
    Definition(
        theirs="cfr_pct_excluding_rollback_deploys",
        meaning="Rolled back, of the deployments that were no rollbacks themselves.",
        ours="change_failure_rate_completed: of the deployments that reached production, rollbacks among them.",
        sql="""
            select 100.0 * count(*) filter (where status = 'rolled_back' or caused_incident)
                / nullif(count(*) filter (where status <> 'failed'), 0)
            from records
        """,
        expected="cfr_pct_all",
        why="A rollback is a deployment to production and can fail like any other, so it stays in the denominator."
        " Nothing failed before production here, so our two rates agree.",
    ),
    Definition(
        theirs="prs",
        meaning="Pull requests carried by the window's deployments; what was rolled back and comes again counts again.",
        ours="Rows of deployment_changes.",
        sql="select count(*) from changes",
        expected="prs",
    ),
    *(
        Definition(
            theirs=f"{theirs}.{percentile}",
            meaning=f"{percentile} of the hours from a pull request's {begin} to each deployment that carried it.",
            ours=f"{percentile} of deployment_changes.{column}, interpolated linearly.",
            sql=f"select percentile_cont({percentile[1:]} / 100.0) within group (order by {column}) from changes",
            expected=f"{theirs}.{percentile}",
        )
        for theirs, begin, column in (
            ("lead_first_commit_h", "first commit", "lead_time_from_first_commit_hrs"),
            ("lead_merge_h", "merge", "lead_time_from_merge_hrs"),
        )
        for percentile in ("p50", "p85")
    ),
    Definition(
        theirs="restore_min_median",
        meaning="Median of the minutes from a deployment to the rollback that replaced it.",
        ours="ttr_median (004 §6.4.3): median of the minutes from an incident's opening to its resolution.",
        sql="""
            select percentile_cont(0.5) within group (order by time_to_restore_min)
            from cycles.incident_records where resolved_at >= :since and resolved_at < :until
        """,
        expected="None",
        why="Time to restore is measured on incidents. None were recorded, and no data is NULL, never a guess.",
    ),
)
EXPECTED_FILE = "deploys/specialist-publisher.dora_expected.json"


@dataclass(frozen=True)
class Loaded:
    """The recording in its database, and what the loads said."""

    database: Database
    deployments: Report
    history: LoadResult
    expected: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def loaded(recording: Database, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = shared_data("deploys")
    recording.execute(
        """
        with stream as (
            insert into config.tech_streams (name, display_name, github_org, github_install_id, lead_time_method)
            values ('publishing', 'Publishing', 'alphagov', '1', 'first_commit')
            returning stream_id
        )
        insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name, default_branch)
        select stream_id, 'alphagov', 'specialist-publisher', :name, 'main' from stream
        """,
        name=NAME,
    )
    with clock.stopped_at(AS_OF):
        with front_door_of(recording.engine, recording.settings, tmp_path_factory.mktemp("archive")) as door:
            file = folder / "specialist-publisher.deployments.ndjson"
            deployments = load_deployments(file, door.url, door.api_key)
        history = load_git(folder, NAME, recording.settings)
        build_on_real_data(recording.settings, AS_OF)
    return Loaded(recording, deployments, history, json.loads(shared_data(EXPECTED_FILE).read_text()))


def test_every_deployment_is_taken(loaded: Loaded) -> None:
    assert (loaded.deployments.accepted, loaded.deployments.refused) == (973, [])
    assert loaded.database.rows("select count(*) from cycles.deployment_records where environment = 'production'") == [
        (973,)
    ]


def test_every_commit_pull_request_and_tag_is_taken(loaded: Loaded) -> None:
    assert {name: count.loaded for name, count in loaded.history.tables.items()} == {
        "commits": 8_796,
        "pull_requests": 3_336,
        "tags": 2_532,
    }
    assert loaded.database.rows("select count(*) from cycles.pr_cycles where state = 'merged'") == [(3_336,)]


def test_the_deployments_carry_every_pull_request_between_the_first_and_the_last(loaded: Loaded) -> None:
    [(changes, pulls, of_the_first, oldest)] = loaded.database.rows(
        """
        select
            count(*) filter (where not is_first), count(distinct pr_number) filter (where not is_first),
            count(*) filter (where is_first), max(deployed_at - merged_at) filter (where is_first)
        from (
            select *, deployed_at = min(deployed_at) over () as is_first from cycles.deployment_changes
        ) as changes
        """
    )
    # 1,455 changes are 1,432 pull requests: those that were rolled back were put live again.
    assert (changes, pulls) == (1_455, 1_432)
    # What the first recorded deployment carried is unknown; the guard keeps it to 90 days.
    assert of_the_first == 81
    assert timedelta(days=80) < oldest <= timedelta(days=90)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.theirs)
def test_a_number_is_theirs_or_differs_for_a_reason(loaded: Loaded, definition: Definition) -> None:
    ours = {window: our_number(loaded, definition, published) for window, published in loaded.expected.items()}
    expected = {window: their_number(definition.expected, published) for window, published in loaded.expected.items()}
    assert len(ours) == 17
    assert ours == {
        window: None if number is None else pytest.approx(number, abs=ROUNDING) for window, number in expected.items()
    }


DAILY = {
    "deployment_frequency": "(deployments - rolled_back) / days * 7",
    "change_failure_rate": "cfr_pct_all",
    "change_failure_rate_completed": "cfr_pct_all",
    "lead_time_p50": "lead_first_commit_h.p50",
    "lead_time_p85": "lead_first_commit_h.p85",
    "ttr_median": "None",
}


@pytest.mark.parametrize("metric_name", DAILY)
@pytest.mark.parametrize("stream_type", ["tech", "all"])
def test_the_dashboards_numbers_are_theirs_in_the_thirty_day_windows(
    loaded: Loaded, metric_name: str, stream_type: str
) -> None:
    windows = [published for name, published in loaded.expected.items() if name.startswith("30d_to_")]
    assert len(windows) == 3
    for published in windows:
        last_day = (bounds(published)[1] - timedelta(days=1)).date()
        # A metric of which nothing was ever observed has no rows: no value, too.
        [(ours,)] = loaded.database.rows(
            """
            select max(metric_value) from metrics.daily_stream_metrics
            where metric_name = :metric_name and window_name = '30d' and metric_date = :last_day
                and stream_type = :stream_type
            having count(*) <= 1
            """,
            metric_name=metric_name,
            last_day=last_day,
            stream_type=stream_type,
        )
        theirs = their_number(DAILY[metric_name], published)
        assert (None if ours is None else float(ours)) == (
            None if theirs is None else pytest.approx(theirs, abs=ROUNDING)
        )


def our_number(loaded: Loaded, definition: Definition, published: dict[str, Any]) -> float | None:
    """What our marts say about a window."""
    since, until = bounds(published)
    [(number,)] = loaded.database.rows(
        f"""
        with records as (
            select * from cycles.deployment_records
            where environment = 'production' and deployed_at >= :since and deployed_at < :until
        ),
        changes as (
            select * from cycles.deployment_changes where deployed_at >= :since and deployed_at < :until
        )
        {definition.sql}
        """,
        since=since,
        until=until,
    )
    return None if number is None else float(number)


def their_number(expression: str, published: dict[str, Any]) -> float | None:
    """A published number, or one made of several: `lead_merge_h.p50`, `(a - b) / days * 7`, `None`."""
    since, until = bounds(published)
    groups = {name: SimpleNamespace(**value) if isinstance(value, dict) else value for name, value in published.items()}
    number: float | None = eval(expression, {}, {**groups, "days": (until - since) / timedelta(days=1)})
    return number


def bounds(published: dict[str, Any]) -> tuple[datetime, datetime]:
    """Begin and end of a published window; the end is outside."""
    since, until = (datetime.fromisoformat(instant) for instant in published["window"])
    return since, until


def test_a_definition_that_differs_says_why() -> None:
    assert {definition.theirs for definition in DEFINITIONS if definition.theirs != definition.expected} == {
        "per_week",
        "cfr_pct_excluding_rollback_deploys",
        "restore_min_median",
    }
    for definition in DEFINITIONS:
        assert bool(definition.why) == (definition.theirs != definition.expected)


def test_every_number_of_theirs_has_its_definition(loaded: Loaded) -> None:
    for published in loaded.expected.values():
        names = {
            f"{name}.{part}" if part else name
            for name, value in published.items()
            if name != "window"
            for part in (value if isinstance(value, dict) else [""])
        }
        assert names == {definition.theirs for definition in DEFINITIONS}
