"""How old the numbers are: from a delivery's 202 to the number that it changes in the API's answer.

In: this working tree. Out: `p50_s`, `p95_s`, with the demo company loaded (its three last months with
`--size quick`) and five deliveries a second arriving: tickets, their moves, deployments, outages and pull requests.
Web service and worker are processes of their own, as in production. Every delivery that changes a count by one is
measured: the n-th of its kind is there when the count has grown by n.

    python -m benchmarks.freshness [--json] [--size quick]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from benchmarks.demo import free_port
from core import clock
from core.api_keys import create_key
from core.database import database_url, make_engine
from core.secrets import secrets_for
from core.settings import Settings, load_settings
from ingestion.webhooks.signatures import sign
from orchestration.environment import child_environment
from orchestration.services import running_database
from orchestration.supervisor import Supervisor

LIMIT_P95_SECONDS = 3.0
PER_SECOND = 5
SECONDS = {"full": 120, "quick": 30}
QUICK_MONTHS = 3
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
START_SECONDS = 300.0


@dataclass
class Watched:
    """One count in the API: its value before, when its deliveries were taken, and when it had grown that far."""

    before: float = 0.0
    taken: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)

    def look(self, value: float, now: float) -> None:
        """The count as it is now."""
        while len(self.seen) < min(value - self.before, len(self.taken)):
            self.seen.append(now)

    @property
    def ages(self) -> list[float]:
        """Seconds between the answer to the sender and the number, one for each that was seen."""
        return [seen - taken for taken, seen in zip(self.taken, self.seen, strict=False)]


def main() -> None:
    """Measure, show a table or one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line last")
    parser.add_argument("--size", choices=("full", "quick"), default="full")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dpp-benchmark-") as folder:
        results = measure(Path(folder), options.size)
    if options.json:
        sys.stdout.write(json.dumps(results) + "\n")
        return
    sys.stdout.write(
        f"{results['measured']} of {results['sent']} deliveries changed a count that was looked at.\n"
        f"p50 {results['p50_s']:.2f} s, p95 {results['p95_s']:.2f} s (limit {LIMIT_P95_SECONDS:.0f} s)\n"
    )


def measure(folder: Path, size: str) -> dict[str, float]:
    """Load the company, start the product, send and watch."""
    variables = {
        "DPP_HOME": str(folder),
        "DPP_PORT": str(free_port()),
        "DPP_DAGSTER_PORT": str(free_port()),
        "DPP_DATABASE_URL": "",
    }
    command = [sys.executable, "-m", "orchestration.cli"]
    months = ["--months", str(QUICK_MONTHS)] if size == "quick" else []
    subprocess.run(
        [*command, "demo", "--exit-when-ready", *months],
        env=child_environment(variables),
        check=True,
        stdout=sys.stderr,
    )
    settings = load_settings(home=folder, port=int(variables["DPP_PORT"]), database_url=None)
    with running_database(settings), Supervisor(folder / "benchmark", folder / "logs") as supervisor:
        web = supervisor.start("web", [*command, "web"], variables)
        worker = supervisor.start("worker", [*command, "worker"], variables)
        product = Product(settings)
        supervisor.wait_until(web, product.is_ready, seconds=START_SECONDS)
        supervisor.wait_until(worker, lambda: "worker_ready" in worker.last_lines(), seconds=START_SECONDS)
        return product.watch_deliveries(SECONDS[size])


class Product:
    """A running web service, sent to and asked over HTTP."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"http://127.0.0.1:{settings.port}"
        self._http = httpx.Client(base_url=self._url, timeout=30, trust_env=False)
        self._jira_secret = secrets_for(settings).get("jira_webhook_secret")
        engine = make_engine(database_url(settings), pool_size=1)
        with engine.begin() as connection:
            self._key = create_key(connection, "freshness", ["events:write", "metrics:read"])[1]
            self._statuses: dict[str, str] = dict(
                connection.execute(
                    text(
                        "select distinct on (pipeline_stage) pipeline_stage, jira_status_name"
                        " from config.status_mappings where jira_project_key = 'PAY' order by 1, is_active_work desc, 2"
                    )
                ).all()
            )
            self._repository, self._service = connection.execute(
                text("select full_name, deploy_target from config.repositories where is_deployable order by 1 limit 1")
            ).one()
        engine.dispose()
        self._number = count(900_000)

    def is_ready(self) -> bool:
        """Whether the web service answers."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def counts(self) -> dict[str, float]:
        """What the API says now, by kind of delivery."""
        answer = self._http.get("/api/v1/metrics/realtime", headers={"Authorization": f"Bearer {self._key}"})
        data = answer.raise_for_status().json()["data"]
        metrics = {metric["metric_name"]: metric for metric in data["metrics"]}
        return {
            "created": data["wip_by_stage"]["backlog_count"] + data["wip_by_stage"]["total"],
            "moved": data["wip_by_stage"]["total"],
            "deployed": metrics["deployment_frequency"]["sample_size"],
            "restored": metrics["ttr_median"]["sample_size"],
        }

    def watch_deliveries(self, seconds: int) -> dict[str, float]:
        """Send five a second for so long, while another thread asks; then wait for the last."""
        watched = {kind: Watched(before=value) for kind, value in self.counts().items()}
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(watched, ended))
        watcher.start()
        sent, begun = 0, time.monotonic()
        try:
            for kind, post in self._deliveries():
                time.sleep(max(0.0, begun + sent / PER_SECOND - time.monotonic()))
                post()
                if kind in watched:
                    watched[kind].taken.append(time.monotonic())
                sent += 1
                if time.monotonic() - begun > seconds:
                    break
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline and any(len(one.seen) < len(one.taken) for one in watched.values()):
                time.sleep(POLL_SECONDS)
        finally:
            ended.set()
            watcher.join()
        missing = {
            kind: len(one.taken) - len(one.seen) for kind, one in watched.items() if len(one.seen) < len(one.taken)
        }
        if missing:
            raise RuntimeError(f"never seen within {PATIENCE_SECONDS:.0f} seconds: {missing}")
        ages = sorted(age for one in watched.values() for age in one.ages)
        return {
            "p50_s": round(statistics.median(ages), 3),
            "p95_s": round(ages[int(0.95 * (len(ages) - 1))], 3),
            "measured": len(ages),
            "sent": sent,
        }

    def _watch(self, watched: dict[str, Watched], ended: threading.Event) -> None:
        while not ended.is_set():
            for kind, value in self.counts().items():
                watched[kind].look(value, time.monotonic())
            time.sleep(POLL_SECONDS)

    def _deliveries(self) -> Iterator[tuple[str, Any]]:
        """Kind and deed, over and over: ten deliveries in two seconds."""
        while True:
            number = next(self._number)
            begun = clock.now() - timedelta(minutes=30)
            yield "created", lambda: self._jira(number, "jira:issue_created", begun, None)  # noqa: B023
            yield "moved", lambda: self._jira(number, "jira:issue_updated", clock.now(), "dev")  # noqa: B023
            yield "deployed", lambda: self._deployment(number)  # noqa: B023
            yield "opened", lambda: self._incident(number, "incident_opened", begun)  # noqa: B023
            yield "restored", lambda: self._incident(number, "incident_resolved", clock.now())  # noqa: B023

    def _jira(self, number: int, event: str, when: datetime, stage: str | None) -> None:
        before, after = self._statuses["backlog"], self._statuses[stage or "backlog"]
        milliseconds = int(when.timestamp() * 1000)
        payload: dict[str, Any] = {
            "timestamp": milliseconds,
            "webhookEvent": event,
            "issue": {
                "id": str(number),
                "key": f"PAY-{number}",
                "fields": {
                    "summary": "A ticket of the benchmark",
                    "issuetype": {"name": "Story", "subtask": False},
                    "project": {"key": "PAY", "name": "Payments"},
                    "status": {"name": after},
                    "created": (clock.now() - timedelta(minutes=30)).isoformat(),
                    "labels": [],
                    "resolution": None,
                },
            },
        }
        if stage is not None:
            item = {"field": "status", "fieldId": "status", "fromString": before, "toString": after}
            payload["changelog"] = {"id": str(milliseconds), "items": [item]}
        body = json.dumps(payload).encode()
        headers = {
            "X-Hub-Signature": sign(self._jira_secret, body),
            "X-Atlassian-Webhook-Identifier": f"{number}-{event}",
        }
        self._http.post("/webhooks/jira", content=body, headers=headers).raise_for_status()

    def _deployment(self, number: int) -> None:
        now = clock.now()
        self._push(
            "deployment",
            {
                "pipeline_id": f"freshness-{number}",
                "environment": "production",
                "status": "success",
                "repo_full_name": self._repository,
                "commit_sha": f"{number:040x}",
                "started_at": (now - timedelta(seconds=20)).isoformat(),
                "completed_at": now.isoformat(),
                "trigger_type": "merge",
            },
        )

    def _incident(self, number: int, event: str, when: datetime) -> None:
        self._push(
            "incident",
            {
                "incident_id": f"FRESH-{number}",
                "event_type": event,
                # A service of its own, so that no outage runs into another.
                "service_name": f"freshness-{number}",
                "severity": "low",
                "description": "An outage of the benchmark",
                "occurred_at": when.isoformat(),
            },
        )

    def _push(self, event: str, payload: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        self._http.post(f"/api/v1/events/{event}", json=payload, headers=headers).raise_for_status()


if __name__ == "__main__":
    main()
