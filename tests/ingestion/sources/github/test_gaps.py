"""What webhooks missed is found, filled and counted."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core import clock
from core.settings import Settings
from ingestion.sources.github.pull import fill_gaps
from tests.ingestion.sources.conftest import Query
from tests.ingestion.sources.github.conftest import ACME
from tests.ingestion.sources.github.model import START, Deployment, Pull, Release, Repo, Review
from tests.ingestion.sources.github.server import GithubServer

LOOK = START + timedelta(days=1)


@pytest.fixture
def api(site: GithubServer) -> Repo:
    """One repository with a day's work."""
    repository = Repo(
        301,
        ACME,
        "api",
        pulls=[Pull(1, 10, merged=60, reviews=[Review(11, 30), Review(12, 40)]), Pull(2, 20)],
        releases=[Release(5, 70)],
        deployments=[Deployment(6, 80, [(81, "in_progress"), (85, "success")])],
    )
    site.repositories = [repository]
    return repository


def delivered(engine: Engine, event: str, received: datetime, **payload: Any) -> None:
    """A delivery that came."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into landing.raw_events (received_at, source, event_name, delivery_id, payload) "
                "values (:received, 'github', :event, gen_random_uuid()::text, cast(:payload as jsonb))"
            ),
            {"received": received, "event": event, "payload": json.dumps({"repository": {"id": 301}, **payload})},
        )


def test_what_no_webhook_brought_is_fetched_and_counted_by_day_and_repository(
    app: Settings, api: Repo, engine: Engine, rows: Query
) -> None:
    api.pulls.append(Pull(3, -300))
    received = START + timedelta(minutes=61)
    with clock.stopped_at(LOOK):
        delivered(engine, "pull_request", received, action="opened", pull_request={"number": 1})
        delivered(engine, "pull_request", received, action="closed", pull_request={"number": 1})
        delivered(engine, "pull_request_review", received, action="submitted", review={"id": 11})
        delivered(engine, "release", received, action="published", release={"id": 5})
        delivered(engine, "deployment_status", received, deployment={"id": 6}, deployment_status={"state": "success"})
        found = fill_gaps(app)
    # #2 and #3 opened, review 12, the deployment's start.
    assert [vars(gap) for gap in found.gaps] == [
        {"repo_full_name": "acme/api", "day": date(2026, 1, 5), "expected": 9, "missed": 4}
    ]
    assert found.missed == 4
    assert rows("select count(*) from raw_github.pull_requests") == [(3,)]
    assert rows("select progress from ops.fetch_operations where operation = 'compare'") == [
        ("4 of 9 deliveries were missed: 4 of acme/api on 2026-01-05",)
    ]


def test_each_delivery_is_looked_for_once(app: Settings, api: Repo, site: GithubServer) -> None:
    with clock.stopped_at(LOOK):
        assert fill_gaps(app).missed == 8
    with clock.stopped_at(LOOK + timedelta(hours=1)):
        again = fill_gaps(app)
    assert (again.missed, [result.rows for result in again.results]) == (0, [0])
    api.pulls[1].merged = 25 * 60
    with clock.stopped_at(LOOK + timedelta(hours=6)):
        assert fill_gaps(app).missed == 1


def test_a_delivery_that_may_be_on_its_way_is_not_missed_yet(app: Settings, api: Repo) -> None:
    api.pulls, api.releases, api.deployments = [Pull(4, 24 * 60 - 5)], [], []
    with clock.stopped_at(LOOK):
        assert fill_gaps(app).missed == 0
    with clock.stopped_at(LOOK + timedelta(minutes=30)):
        assert fill_gaps(app).missed == 1


def test_a_delivery_under_a_former_name_came(app: Settings, api: Repo, engine: Engine) -> None:
    api.pulls, api.releases, api.deployments = [Pull(4, 5)], [], []
    named = {"id": 301, "full_name": "acme/its-former-name"}
    with clock.stopped_at(LOOK):
        delivered(engine, "pull_request", START, action="opened", pull_request={"number": 4}, repository=named)
        assert fill_gaps(app).missed == 0


def test_a_status_of_an_older_deployment_is_found(app: Settings, api: Repo, rows: Query) -> None:
    api.pulls, api.releases = [], []
    api.deployments = [Deployment(number, number, [(number + 1, "in_progress")]) for number in range(1, 10)]
    with clock.stopped_at(LOOK):
        fill_gaps(app)
    # Somebody approved it fifteen days later; eight newer ones have not changed.
    api.deployments[0].statuses.append((15 * 24 * 60, "success"))
    with clock.stopped_at(LOOK + timedelta(days=15)):
        assert fill_gaps(app).missed == 1
    assert rows("select statuses -> -1 ->> 'state' from raw_github.deployments where deployment_id = '1'") == [
        ("success",)
    ]


def test_nothing_is_missed_where_nothing_happened(app: Settings, api: Repo) -> None:
    with clock.stopped_at(LOOK + timedelta(days=60)):
        assert fill_gaps(app).gaps == []


def test_below_the_floor_the_look_is_put_off_and_on_record(
    app: Settings, api: Repo, site: GithubServer, rows: Query
) -> None:
    site.remaining = 400
    with clock.stopped_at(LOOK):
        found = fill_gaps(app)
    assert found.missed == 0
    [(message,)] = rows("select message from ops.fetch_operations where status = 'deferred' and operation = 'gaps'")
    assert "DPP_GITHUB_RATE_LIMIT_FLOOR = 500" in message
    site.remaining = 5_000
    with clock.stopped_at(LOOK + timedelta(hours=1)):
        assert fill_gaps(app).missed == 8
