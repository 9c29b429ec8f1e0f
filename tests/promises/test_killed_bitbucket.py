"""Whatever is killed, wherever it is: run again, it ends where one quiet run would have ended (bitbucket)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from core.settings import Settings
from ingestion.sources.bitbucket.pull import pull_bitbucket
from tests.ingestion.sources import vendor_server
from tests.ingestion.sources.bitbucket import things as bitbucket
from tests.ingestion.sources.bitbucket.server import BitbucketServer, Repo
from tests.promises.quiet_run import ends_as_one_quiet_run, reading


def test_a_pull_from_bitbucket(raw_tables: Settings, engine: Engine, tmp_path: Path, kills: int) -> None:
    with BitbucketServer(bitbucket_repository(), page_size=3) as site:
        settings = reading(
            raw_tables, tmp_path, "bitbucket_token", vendor_server.TOKEN,
            bitbucket_api_url=site.address, bitbucket_workspaces=("acme",),
        )  # fmt: skip
        ends_as_one_quiet_run(engine, "raw_bitbucket", kills, 5, pull_bitbucket, settings)


def bitbucket_repository() -> Repo:
    """A repository with seven pull requests and two pipelines, of which one deployed."""
    first = bitbucket.pipeline(31, 60)
    return Repo(
        "acme/pay",
        "{repo-1}",
        pull_requests=[bitbucket.pull_request(number) for number in range(1, 8)],
        pipelines=[first, bitbucket.pipeline(32, 70, None)],
        deployments=[bitbucket.deployment(41, first, 61)],
        environments=[bitbucket.PRODUCTION],
    )
