"""Rows as the GitHub source stores them, made from the same hand-made history as the deliveries.

In: what a test says of a pull request or a deployment. Out: rows of `raw_github`, which replace what was there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from tests.dbt.delivery_payloads import Delivery, PullRequest, stamp

FIRST_LOAD = "1767700000.1"


def fetch_pull_request(
    engine: Engine,
    pull_request: PullRequest,
    newest: Delivery,
    *,
    reviews: Sequence[Delivery] = (),
    states: Mapping[int, str] | None = None,
    first_commit_at: datetime | None = None,
    ready_at: datetime | None = None,
    load: str = FIRST_LOAD,
) -> None:
    """Store a pull request as a fetch finds it: as its newest delivery told it, with the reviews of those deliveries.

    `states` holds what became of a review since, by its number.
    """
    found = [dict(delivery.payload["review"]) for delivery in reviews]
    for review in found:
        review["state"] = (states or {}).get(review["id"], review["state"])
    commits = [{"sha": "head-1", "authored_at": stamp(first_commit_at), "committed_at": stamp(first_commit_at)}]
    _replace(
        engine,
        "raw_github.pull_requests",
        ("repo_full_name", "pr_number"),
        {
            "repo_full_name": newest.payload["repository"]["full_name"],
            "pr_number": pull_request.number,
            "updated_at": newest.received_at,
            "repository": newest.payload["repository"],
            "pull_request": newest.payload["pull_request"],
            "reviews": found,
            "commits": commits if first_commit_at else [],
            "ready_at": ready_at,
            "fetched_at": newest.received_at,
        },
        load,
    )


def fetch_deployment(engine: Engine, created: Delivery, statuses: Sequence[Delivery], load: str = FIRST_LOAD) -> None:
    """Store a deployment as a fetch finds it: as it was created, with the statuses of those deliveries."""
    _replace(
        engine,
        "raw_github.deployments",
        ("repo_full_name", "deployment_id"),
        {
            "repo_full_name": created.payload["repository"]["full_name"],
            "deployment_id": str(created.payload["deployment"]["id"]),
            "updated_at": (statuses[-1] if statuses else created).received_at,
            "deployment": created.payload["deployment"],
            "statuses": [delivery.payload["deployment_status"] for delivery in statuses],
            "fetched_at": (statuses[-1] if statuses else created).received_at,
        },
        load,
    )


def fetch_repository(engine: Engine, full_name: str, repository_id: str = "1", load: str = FIRST_LOAD) -> None:
    """Store a repository of the list."""
    _replace(
        engine,
        "raw_github.repositories",
        ("repository_id",),
        {
            "repository_id": repository_id,
            "full_name": full_name,
            "default_branch": "main",
            "is_archived": False,
            "is_fork": False,
            "fetched_at": datetime.fromisoformat("2026-01-05T00:00:00Z"),
        },
        load,
    )


def _replace(engine: Engine, table: str, key: tuple[str, ...], row: dict[str, Any], load: str) -> None:
    values = {name: json.dumps(value) if isinstance(value, (dict, list)) else value for name, value in row.items()}
    values |= {"_dlt_load_id": load, "_dlt_id": "/".join(str(row[name]) for name in key) + load}
    same = " and ".join(f"{name} = :{name}" for name in key)
    with engine.begin() as connection:
        connection.execute(text(f"delete from {table} where {same}"), values)
        connection.execute(
            text(f"insert into {table} ({', '.join(values)}) values ({', '.join(f':{name}' for name in values)})"),
            values,
        )
