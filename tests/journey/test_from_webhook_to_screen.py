"""The whole product in one story: signed payloads go in, numbers come out of the API and of a page.

One company with one of everything. A ticket is worked on for 2.25 business days, its pull request is deployed
30 hours after it was opened, the deployment breaks something for 45 minutes, and a second ticket waits for QA.
Nothing is called inside: deliveries arrive over HTTP at `dpp web`, `dpp build` materialises Dagster's assets,
and the answers are read over HTTP and in a real browser.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Connection, text

from app.auth.users import create_user
from core import clock, tables
from core.api_keys import create_key
from core.database import dagster_database, database_url, make_engine
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.webhooks.signatures import sign
from tests.browser import browser, open_page, sign_in
from tests.conftest import make_database
from tests.journey.deliveries import (
    ORGANISATION,
    REPOSITORY,
    deployment,
    incident,
    issue_created,
    pull_request,
    review,
    status_changed,
)

__all__ = ["browser"]

EMAIL = "stream.lead@example.org"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Product:
    """A running web service on an empty, configured database."""

    url: str
    settings: Settings
    environment: dict[str, str]
    keys: dict[str, str]

    def dpp(self, *arguments: str) -> str:
        """Run the command as a person would; its output."""
        return dpp(self.environment, *arguments)

    def jira(self, delivery: str, payload: dict[str, Any]) -> int:
        """Deliver as Jira does; the answer's status."""
        body = json.dumps(payload).encode()
        signature = sign(secrets_for(self.settings).get("jira_webhook_secret"), body)
        headers = {"X-Hub-Signature": signature, "X-Atlassian-Webhook-Identifier": delivery}
        return httpx.post(f"{self.url}/webhooks/jira", content=body, headers=headers).status_code

    def github(self, delivery: str, event: str, payload: dict[str, Any]) -> int:
        """Deliver as GitHub does; the answer's status."""
        body = json.dumps(payload).encode()
        signature = sign(secrets_for(self.settings).get("github_webhook_secret"), body)
        headers = {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": delivery, "X-GitHub-Event": event}
        return httpx.post(f"{self.url}/webhooks/github", content=body, headers=headers).status_code

    def push(self, event: str, payload: dict[str, Any]) -> int:
        """Push as a pipeline does; the answer's status."""
        headers = {"Authorization": f"Bearer {self.keys['pipeline']}"}
        return httpx.post(f"{self.url}/api/v1/events/{event}", json=payload, headers=headers).status_code

    def read(self, question: str) -> dict[str, Any]:
        """Ask the API as a program does; what it answers under `data`."""
        headers = {"Authorization": f"Bearer {self.keys['reader']}"}
        answer = httpx.get(f"{self.url}/api/v1/metrics/{question}", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data


def dpp(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def product(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """`dpp web` on a database of its own."""
    home = tmp_path_factory.mktemp("journey")
    settings = make_database(server, "dpp_journey").model_copy(update={"home": home})
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DPP_")}
    port = free_port()
    environment = {
        **kept,
        "DPP_HOME": str(home),
        "DPP_DATABASE_URL": database_url(settings).render_as_string(hide_password=False),
        "DPP_PORT": str(port),
    }
    dpp(environment, "migrate")
    engine = make_engine(database_url(settings))
    with engine.begin() as connection:
        configure(connection)
        create_user(connection, EMAIL, "Stream lead", PASSWORD, role="stream_lead")
        _, pipeline = create_key(connection, "pipeline", ["events:write"])
        _, reader = create_key(connection, "reader", ["metrics:read"])
    engine.dispose()
    with (home / "web.log").open("wb") as log:
        web = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "web"], env=environment, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, web, home / "web.log")
            yield Product(url, settings, environment, {"pipeline": pipeline, "reader": reader})
        finally:
            web.terminate()
            web.wait(timeout=30)


@pytest.fixture(scope="module")
def tuesday() -> datetime:
    """Tuesday of last week, midnight: every step of the story lies in the past and within 30 days."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday() + 6)


@pytest.fixture(scope="module")
def built(product: Product, tuesday: datetime) -> Product:
    """The story has been delivered and Dagster's assets are materialised."""

    def at(days: int, hours: float) -> datetime:
        return tuesday + timedelta(days=days, hours=hours)

    created = at(0, 8)
    assert {
        product.jira("j-1", issue_created("PAY-1", created)),
        product.jira("j-2", status_changed("PAY-1", created, at(0, 9), "To Do", "In Development")),
        # Late: this step arrives before the one that came first.
        product.jira("j-4", status_changed("PAY-1", created, at(2, 15), "In QA", "Done")),
        product.jira("j-3", status_changed("PAY-1", created, at(1, 12), "In Development", "In QA")),
        # Doubled: once under the same id, once under a new one.
        product.jira("j-4", status_changed("PAY-1", created, at(2, 15), "In QA", "Done")),
        product.jira("j-5", status_changed("PAY-1", created, at(2, 15), "In QA", "Done")),
        product.jira("j-6", issue_created("PAY-2", created)),
        product.jira("j-7", status_changed("PAY-2", created, at(1, 9), "To Do", "Ready for QA")),
        product.github("g-1", "pull_request", pull_request("opened", at(0, 10))),
        product.github("g-2", "pull_request_review", review(at(0, 14), at(0, 10))),
        product.github("g-3", "pull_request", pull_request("closed", at(0, 10), merged_at=at(1, 10))),
        product.push("deployment", deployment(at(1, 16))),
        product.push("incident", incident("incident_opened", at(1, 16.25))),
        product.push("incident", incident("incident_resolved", at(1, 17))),
    } == {202}
    product.dpp("build")
    return product


def values(data: dict[str, Any]) -> dict[str, float | None]:
    return {metric["metric_name"]: metric["value"] for metric in data["metrics"]}


def test_the_api_answers_with_the_numbers_of_the_story(built: Product) -> None:
    realtime = built.read("realtime?stream=payments")
    trends = built.read("trends?stream=core-api&window=30")

    assert values(realtime)["cycle_time_p85"] == 2.25
    assert values(realtime)["throughput"] == 1
    # Ready for QA is the only wait of a finished item there could be, and PAY-1 never stood there.
    assert values(realtime)["flow_efficiency"] == 100
    assert values(trends)["deployment_frequency"] == pytest.approx(7 / 30, abs=1e-4)
    assert values(trends)["lead_time_p50"] == 30
    assert values(trends)["change_failure_rate"] == 100
    assert values(trends)["ttr_median"] == 45


def test_the_ticket_that_waits_is_shown_where_it_waits(built: Product) -> None:
    wip = json.dumps(built.read("realtime?stream=payments")["wip_by_stage"])

    rows = query(
        built.settings,
        "select pipeline_stage, is_active_work, item_count from metrics.wip_by_stage "
        "inner join metrics.stream_list using (stream_type, stream_id) where name = 'payments'",
    )
    assert rows == [("qa", False, 1)]
    assert '"qa"' in wip


def test_a_person_reads_the_same_numbers_on_the_page(built: Product, browser: Browser) -> None:
    with open_page(browser) as page:
        sign_in(page, f"{built.url}/?stream=Payments", EMAIL, PASSWORD)
        card = page.locator('.card[data-metric="cycle_time_p85"]')
        expect(card).to_be_visible()
        assert card.get_attribute("data-value") == "2.25"
        expect(page.get_by_role("heading", level=1)).to_have_text("Payments")


def test_dagster_remembers_what_it_built(built: Product) -> None:
    rows = query(
        built.settings,
        "select distinct asset_key from event_logs where dagster_event_type = 'ASSET_MATERIALIZATION'",
        database=dagster_database(built.settings),
    )
    materialised = {key for (key,) in rows}
    for asset in (
        ("metrics", "daily_stream_metrics"),
        ("cycles", "work_item_cycles"),
        ("forecast", "forecast_snapshots"),
    ):
        assert json.dumps(list(asset)) in materialised


def test_one_more_delivery_changes_the_number_at_the_next_build(built: Product, tuesday: datetime) -> None:
    created, done = tuesday + timedelta(hours=8), tuesday + timedelta(days=1, hours=21)
    assert built.jira("j-8", status_changed("PAY-2", created, done, "Ready for QA", "Done")) == 202

    built.dpp("build")

    realtime = values(built.read("realtime?stream=payments"))
    assert realtime["throughput"] == 2
    # Done without a start has no cycle time: it is left out, and the other item's stays.
    assert realtime["cycle_time_p85"] == 2.25


def configure(connection: Connection) -> None:
    """One delivery stream, one technology stream, one repository, one workflow."""
    payments = connection.execute(
        tables.delivery_streams.insert()
        .values(name="payments", display_name="Payments")
        .returning(tables.delivery_streams.c.stream_id)
    ).scalar_one()
    core_api = connection.execute(
        tables.tech_streams.insert()
        .values(name="core-api", display_name="Core API", github_org=ORGANISATION, github_install_id="1")
        .returning(tables.tech_streams.c.stream_id)
    ).scalar_one()
    connection.execute(
        tables.repositories.insert().values(
            tech_stream_id=core_api,
            github_org=ORGANISATION,
            github_repo_name="payments-service",
            full_name=REPOSITORY,
            deploy_target="ecs:payments-service",
        )
    )
    connection.execute(
        tables.jira_projects.insert().values(
            jira_project_key="PAY", stream_methods=["project"], delivery_stream_id=payments
        )
    )
    workflow = [
        ("To Do", "backlog", False),
        ("In Development", "dev", True),
        ("Ready for QA", "qa", False),
        ("In QA", "qa", True),
        ("Done", "done", False),
    ]
    connection.execute(
        tables.status_mappings.insert(),
        [
            {
                "jira_project_key": "PAY",
                "jira_status_name": name,
                "pipeline_stage": stage,
                "is_active_work": is_active,
                "display_order": order,
            }
            for order, (name, stage, is_active) in enumerate(workflow)
        ],
    )


def query(settings: Settings, sql: str, database: str | None = None) -> list[tuple[Any, ...]]:
    """What a database says, seen from outside the product."""
    engine = make_engine(database_url(settings, database=database), pool_size=1)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]
    finally:
        engine.dispose()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the web service ended: {log.read_text()}"
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"the web service did not become ready: {log.read_text()}")
