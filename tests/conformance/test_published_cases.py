"""Published worked examples: our answer to each is the one that the documentation prints beside theirs.

Ours is computed by the reference of `tests/properties`, which the marts are held against there.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from statistics import fmean, quantiles
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.properties.reference.business_time import Calendar
from tests.properties.reference.delivery import DeploymentLog, PullRequestLog, deployments
from tests.properties.reference.windows import percentile
from tests.properties.reference.work_items import Change, Cycle, TicketLog, cycle
from tests.real_data import shared_data

CASES = {
    case["id"]: case
    for case in tomllib.loads((Path(__file__).parent / "cases.toml").read_text(encoding="utf-8"))["case"]
}
RATINGS = (
    105, 129, 87, 86, 111, 111, 89, 81, 108, 92, 110, 100, 75, 105, 103, 109, 76, 119, 99, 91, 103, 129, 106, 101, 84,
    111, 74, 87, 86, 103, 103, 106, 86, 111, 75, 87, 102, 121, 111, 88, 89, 101, 106, 95, 103, 107, 101, 81, 109, 104,
)  # fmt: skip
HOLIDAYS = (date(2010, 12, 25), date(2011, 1, 1), date(2011, 1, 17), date(2011, 2, 21), date(2011, 5, 30))
HEARTBEAT, DEVLAKE = Path("worked") / "cycle-time-by-status", Path("worked") / "devlake_prev_success"
# Their statuses in the order of their workflow, as the export's columns call them.
CARD_STATUSES = {
    "IN PROGRESS": ("dev", True),
    "DOING": ("dev", True),
    "ANALYSIS": ("dev", True),
    "READY FOR TESTING": ("qa", False),
    "REVIEW": ("code_review", False),
    "DONE": ("done", False),
}


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def business_days(start: date, end: date, *holidays: date) -> str:
    calendar = Calendar(ZoneInfo("UTC"), frozenset(holidays))
    return f"{float(calendar.business_days(midnight(start), midnight(end))):g}"


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (shared_data(str(folder)) / name).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def cards() -> list[tuple[dict[str, str], Cycle]]:
    """Each card, and its cycle where it went through its statuses from a Monday on."""
    lived = []
    for row in read(HEARTBEAT, "board-data-by-status.csv"):
        if not row["Issue key"]:
            continue
        now = datetime(2024, 3, 25, tzinfo=UTC)
        log = TicketLog(row["Issue key"], "task", now, "TO DO", None, frozenset(), None)
        for status in CARD_STATUSES:
            spent = float(row.get(f"OriginCycleTime: {status}", "0"))
            if spent or status == "DONE":
                log.changes.append(Change(now, status=status))
                now += timedelta(days=spent)
        done = cycle(log, {**CARD_STATUSES, "TO DO": ("backlog", False)}, Calendar(ZoneInfo("UTC"), frozenset()))
        assert done is not None
        lived.append((row, done))
    return lived


def previous_successes(rows: Sequence[dict[str, str]]) -> str:
    """Which deployment each follows: the newest whose merge it does not carry itself."""
    logs, merges = [], []
    for row in rows:
        finished = datetime.fromisoformat(row["finished_date"])
        line = f"{row['cicd_scope_id']}/{row['repo_url']}"
        environment, succeeded = row["environment"].lower(), row["result"] == "SUCCESS"
        logs.append(DeploymentLog(row["id"], line, environment, finished, succeeded, None))
        if succeeded and environment == "production":
            merged_at = finished - timedelta(minutes=1)
            merges.append(
                PullRequestLog(
                    line, int(row["id"]), "", merged_at, merged_at, True, False, None, "", row["id"], merged_at
                )
            )
    found = []
    for run, facts in deployments(logs, merges, {log.repo: True for log in logs}).items():
        carried = {change.number for change in facts.changes}
        earlier = [
            log for log in logs if log.repo == facts.log.repo and log.at < facts.log.at and log.is_live_in_production
        ]
        if facts.log.is_live_in_production and earlier:
            last = max(earlier, key=lambda log: log.at)
            assert int(last.run) not in carried
            assert carried == {int(run)}
            found.append((int(run), last.run))
    return ", ".join(f"{run}>{last}" for run, last in sorted(found))


def rounded(values: Sequence[object]) -> str:
    return ", ".join(f"{float(value):.2f}" for value in values)  # type: ignore[arg-type]


OURS: dict[str, Callable[[], str]] = {
    "interpolated_median": lambda: f"{percentile((10, 7, 4, 3, 2, 1), 0.5):g}",
    "percentile_by_nearest_rank": lambda: f"{percentile((3, 6, 7, 8, 8, 10, 13, 15, 16, 20), 0.75):g}",
    "percentile_of_a_sample": lambda: f"{percentile(RATINGS, 0.2):.1f}",
    "business_days_of_a_month": lambda: business_days(date(2011, 1, 1), date(2011, 2, 1)),
    "business_days_of_a_year": lambda: business_days(date(2011, 1, 1), date(2012, 1, 1)),
    "networkdays": lambda: business_days(date(2014, 1, 15), date(2014, 6, 30)),
    "networkdays_with_holidays": lambda: business_days(date(2010, 12, 12), date(2011, 6, 2), *HOLIDAYS),
    "time_by_status": lambda: rounded([done.cycle_time for _, done in cards()]),
    "average_or_median": lambda: f"{percentile([done.cycle_time or 0 for _, done in cards()], 0.5):.2f}",
    "share_of_development": lambda: f"{fmean(float(done.flow_efficiency or 0) for _, done in cards()):.2f}",
    "previous_successful_deployment": lambda: previous_successes(read(DEVLAKE, "cicd_deployment_commits_after.csv")),
}


def heartbeats(metric: str) -> str:
    (value,) = [row["Value"] for row in read(HEARTBEAT, "metric-data-by-status.csv") if row["Metrics"] == metric]
    return value


# Where the published answer is a file at hand it is read from there, where it is a library's the library is asked.
THEIRS: dict[str, Callable[[], str]] = {
    "interpolated_median": lambda: f"{np.percentile([[10, 7, 4], [3, 2, 1]], 50):g}",
    "percentile_of_a_sample": lambda: f"{quantiles(RATINGS, n=10)[1]:.1f}",
    "business_days_of_a_month": lambda: str(np.busday_count("2011-01", "2011-02")),
    "business_days_of_a_year": lambda: str(np.busday_count("2011", "2012")),
    "time_by_status": lambda: ", ".join(row["Cycle Time"] for row, _ in cards()),
    "average_or_median": lambda: heartbeats("Average cycle time(days/card)"),
    "share_of_development": lambda: heartbeats("Total development time / Total cycle time"),
    "previous_successful_deployment": lambda: ", ".join(
        f"{row['id']}>{row['prev_success_deployment_commit_id']}"
        for row in sorted(read(DEVLAKE, "cicd_deployment_commits_after.csv"), key=lambda row: int(row["id"]))
        if row["prev_success_deployment_commit_id"]
    ),
}


def test_every_case_is_computed() -> None:
    assert OURS.keys() == CASES.keys()
    assert THEIRS.keys() <= CASES.keys()


@pytest.mark.parametrize("case", CASES)
def test_our_answer_is_the_one_that_is_printed(case: str) -> None:
    assert OURS[case]() == CASES[case]["ours"]


@pytest.mark.parametrize("case", THEIRS)
def test_their_answer_is_the_published_one(case: str) -> None:
    assert THEIRS[case]() == CASES[case]["theirs"]


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case["id"])
def test_a_difference_has_its_reason_and_an_agreement_none(case: dict[str, str]) -> None:
    assert bool(case["why"]) == (case["theirs"] != case["ours"])
    assert case["source"]
    assert case["licence"]
