"""Staged rows of a company that never was: what sources told in three years, as dbt's staging tables hold it.

In: a migrated database in which every staging table stands empty, and how many work-item transitions to tell of.
Out: those tables filled by the database itself (`generate_series` and hashes of row numbers), so that a million
transitions take less than a minute and the same size gives the same rows. With 1,000 transitions come about 150
tickets, 100 pull requests with 120 reviews, 50 deployments and 5 incidents, for 12 delivery and 8 technology streams.
What is older than six months was fetched with its changelog; what is newer was delivered by webhook. Tickets are
reopened, sent back, cancelled and finished on weekends; one delivery in fifty came days late.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg.types.numeric import Int8
from sqlalchemy import Engine, text

from benchmarks.staged_sql import (
    CONFIGURATION,
    DELIVERED_TICKETS,
    DEPLOYMENTS,
    FETCHED_TICKETS,
    FIRST_DEPLOYMENTS,
    FUNCTIONS,
    INCIDENTS,
    INCREMENT,
    LATER_DEPLOYMENTS,
    PULL_REQUEST_COLUMNS,
    PULL_REQUEST_VALUES,
    PULL_REQUESTS,
    SIZES,
    TICKETS,
)

AS_OF = datetime(2026, 6, 1, 12, tzinfo=UTC)
# The increment happens in the hour after the first build.
LATER = AS_OF + timedelta(hours=1)
DELIVERY_STREAMS, TECH_STREAMS, PROJECTS, REPOSITORIES = 12, 8, 20, 100
TRANSITIONS_OF_A_TICKET = 6.5
# 1,000 new events: tickets that are created and moved three times, tickets that move once more, pull requests that are
# opened and merged, deployments, and incidents that begin and end.
LATER_EVENTS = {"new_tickets": 200, "moved_tickets": 40, "new_pull_requests": 54, "new_deployments": 40}

# (status, stage, whether anybody works in it)
STATUSES = (
    ("To Do", "backlog", False), ("Analysis", "ba", True), ("Ready for development", "dev", False),
    ("In progress", "dev", True), ("In review", "code_review", True), ("Ready for test", "qa", False),
    ("In test", "qa", True), ("Acceptance", "uat", True), ("Done", "done", False), ("Cancelled", "cancelled", False),
)  # fmt: skip
# What happens to how many of a hundred tickets.
PATHS = (
    (70, "Ready for development, In progress, In review, Ready for test, In test, Acceptance, Done"),
    (10, "Ready for development, In progress, In review, Ready for test, In test, Acceptance, Done, In progress, "
         "In review, Done"),
    (10, "In progress, Done"),
    (5, "In progress, Cancelled"),
    (5, "In progress, In review, In progress, In review, Ready for test, In test, Done"),
)  # fmt: skip

FILLED = (
    "stg_jira__issues", "stg_jira__issue_changes", "stg_jira__issue_events", "stg_github__fetched_pull_requests",
    "stg_github__fetched_reviews", "stg_github__pull_requests", "stg_github__pull_request_reviews",
    "stg_push__deployments", "stg_push__incidents",
)  # fmt: skip


def fill(engine: Engine, transitions: int) -> None:
    """Write the staged rows of a company with that many transitions; the staging tables must stand empty."""
    statements = [
        FUNCTIONS,
        *_tables_of_paths(),
        CONFIGURATION,
        TICKETS,
        FETCHED_TICKETS,
        DELIVERED_TICKETS.format(tickets="tickets", steps="steps"),
        PULL_REQUESTS,
        *_told_pull_requests("pr.n < :pull_requests"),
        DEPLOYMENTS.format(chosen=FIRST_DEPLOYMENTS),
        INCIDENTS,
    ]
    numbers = _numbers(transitions)
    told = {"first_landing_id": 0, "revision": 1, "until": AS_OF, "first_incident": 0}
    _run(engine, statements, numbers | told | {"last_incident": transitions // 200 - 1})
    _run(engine, [f"analyze staging.{table}" for table in FILLED], {})


def fill_later(engine: Engine, transitions: int) -> int:
    """Tell of what happened in the hour after `AS_OF`; returns how many staged rows were written."""
    numbers = _numbers(transitions)
    with engine.begin() as connection:
        # The revision of a build that wrote them, as the staging models draw it.
        revision: int = connection.execute(text("select nextval('staging.build_revision')")).scalar_one()
    statements = [
        INCREMENT,
        DELIVERED_TICKETS.format(tickets="later_tickets", steps="later_steps"),
        *_told_pull_requests("pr.n >= :pull_requests"),
        DEPLOYMENTS.format(chosen=LATER_DEPLOYMENTS),
        INCIDENTS,
    ]
    deployments = transitions // 20
    told = {
        "first_landing_id": 100_000_000,
        "revision": revision,
        "until": LATER,
        "first_incident": deployments // 10 + 1,
        "last_incident": deployments // 10 + 4,
    }
    return _run(engine, statements, numbers | told | LATER_EVENTS, count=True)


def _numbers(transitions: int) -> dict[str, object]:
    return {
        "as_of": AS_OF,
        "tickets": int(transitions / TRANSITIONS_OF_A_TICKET),
        "pull_requests": transitions // 10,
        "deployments": transitions // 20,
        "incidents": transitions // 200,
        "delivery_streams": DELIVERY_STREAMS,
        "tech_streams": TECH_STREAMS,
        "projects": PROJECTS,
        "repositories": REPOSITORIES,
        "statuses": [status for status, _, _ in STATUSES],
        "stages": [stage for _, stage, _ in STATUSES],
        "are_active": [is_active for _, _, is_active in STATUSES],
    }


def _tables_of_paths() -> list[str]:
    """The ways of tickets through their statuses, each with its range of a hundred."""
    rows, begin = [], 0
    for percent, statuses in PATHS:
        listed = ", ".join(f"'{status}'" for status in statuses.split(", "))
        rows.append(f"({begin}, {begin + percent}, array[{listed}])")
        begin += percent
    values = ", ".join(rows)
    return [f"create table benchmark.paths as select * from (values {values}) as t (from_percent, to_percent, path)"]


def _told_pull_requests(condition: str) -> list[str]:
    """Statements that stage pull requests: fetched as they ended, or delivered when they were opened and closed."""
    fetched = PULL_REQUEST_VALUES.format(
        key="'fetched:' || pr.repo_full_name || '#' || pr.pr_number", landing_id="null", action="''", is_fetched="true",
        at="least(pr.ended_at, :as_of)", first_commit_at="pr.first_commit_at", is_ended="pr.is_ended", size=SIZES,
        revision="1",
    )  # fmt: skip
    statements = [
        f"insert into staging.stg_github__fetched_pull_requests ({PULL_REQUEST_COLUMNS}, _dlt_load_id) "
        f"select {fetched}, '1' from benchmark.pull_requests as pr where not pr.is_delivered and {condition}"
    ]
    for number, (action, at, is_ended) in enumerate((("opened", "opened_at", "false"), ("closed", "ended_at", "true"))):
        landing_id = f"400000000 + pr.n * 4 + {number}"
        values = PULL_REQUEST_VALUES.format(
            key=f"'landing:' || ({landing_id})", landing_id=landing_id, action=f"'{action}'", is_fetched="false",
            at=f"pr.{at}", first_commit_at="null::timestamptz", is_ended=is_ended, size=SIZES, revision=":revision",
        )  # fmt: skip
        only_ended = " and pr.is_ended" if is_ended == "true" else ""
        statements.append(
            f"insert into staging.stg_github__pull_requests ({PULL_REQUEST_COLUMNS}) "
            f"select {values} from benchmark.pull_requests as pr where pr.is_delivered{only_ended} and {condition}"
        )
    return [*statements, *_told_reviews(condition)]


def _told_reviews(condition: str) -> list[str]:
    """One review of each pull request that ended, and a second one of every fifth."""
    statements = []
    for table, is_fetched in (("stg_github__fetched_reviews", "true"), ("stg_github__pull_request_reviews", "false")):
        landing_id = "null::bigint" if is_fetched == "true" else "400000000 + pr.n * 4 + 1 + reviews.number"
        key = "'review:' || pr.repo_full_name || '#' || pr.pr_number || '/' || reviews.number"
        values = PULL_REQUEST_VALUES.format(
            key=key, landing_id=landing_id, action="'submitted'", is_fetched=is_fetched, at="reviews.submitted_at",
            first_commit_at="null::timestamptz", is_ended="false", size="null, null, null, null,",
            revision=":revision",
        )  # fmt: skip
        statements.append(
            f"insert into staging.{table} ({PULL_REQUEST_COLUMNS}, review_id, reviewer_hash, reviewer_is_bot, "
            "review_state, submitted_at, reviewed_sha) "
            f"select {values}, (pr.n * 4 + reviews.number)::text, md5('person' || (pr.n + 1) % 97), false, "
            "case when reviews.number = 1 then 'approved' else 'changes_requested' end, reviews.submitted_at, "
            "benchmark.sha('head' || pr.n) from benchmark.pull_requests as pr "
            "cross join lateral (select number, pr.opened_at + (pr.ended_at - pr.opened_at) * (0.9 - 0.3 * number) "
            "as submitted_at from generate_series(1, case when pr.n % 5 = 0 then 2 else 1 end) as number) as reviews "
            f"where {'not ' if is_fetched == 'true' else ''}pr.is_delivered and pr.is_ended and {condition}"
        )
    return statements


def _run(engine: Engine, statements: list[str], numbers: dict[str, object], *, count: bool = False) -> int:
    """Run scripts of several statements in one transaction; how many rows they staged."""
    rows = 0
    # As bigint: psycopg would send a small number as smallint, which many functions do not take.
    typed = {name: Int8(value) if isinstance(value, int) else value for name, value in numbers.items()}
    with engine.begin() as connection:
        for script in statements:
            for statement in filter(str.strip, script.split(";\n")):
                done = connection.execute(text(statement), typed)
                rows += done.rowcount if count and "insert into staging" in statement else 0
    return rows


def tell_again(engine: Engine) -> None:
    """The staged rows of `fill_later` as if they had been delivered and read once more: nothing in them is new."""
    tables = [table for table in FILLED if table not in ("stg_jira__issues", "stg_jira__issue_changes")]
    with engine.begin() as connection:
        revision: int = connection.execute(text("select nextval('staging.build_revision')")).scalar_one()
        for table in tables:
            connection.execute(
                text(f"update staging.{table} set revision = :revision where revision > 1"), {"revision": revision}
            )
