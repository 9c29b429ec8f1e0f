"""`dpp demo`: the whole product with a simulated company in it, in one terminal.

In: settings. Out: a database, a web service, Dagster, loaded data and built marts; the addresses and the
sign-in on the screen. The first run loads and builds; a later one finds both done and is up in seconds. A
first run that was broken off goes on where it was: deliveries are known by their ids, so sending again adds nothing.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import text

from app.auth.users import create_user
from core import clock
from core.database import embedded_server, get_engine
from core.secrets import secrets_for
from core.settings import Settings
from core.tables import fetch_operations
from ingestion.demo import load_demo
from ingestion.demo.period import MONTHS
from ingestion.demo.sender import DeliveryRefused, FrontDoorUnreachable
from orchestration import dbt, instance
from orchestration.console import Reporter, Update
from orchestration.errors import CommandError
from orchestration.runs import fail_dead_runs
from orchestration.services import migrate
from orchestration.supervisor import Child, Supervisor, end_leftovers, ending_on_signals, only_one
from orchestration.web import listening_socket

# One person for each role: whoever tries the demo sees what each of them sees.
PEOPLE = (
    ("admin@demo.example", "Platform admin", "platform_admin"),
    ("lead@demo.example", "Stream lead", "stream_lead"),
    ("member@demo.example", "Team member", "team_member"),
    ("viewer@demo.example", "Viewer", "viewer"),
)
SOURCE = "demo"
START_SECONDS = 90.0
PROGRESS = re.compile(r"(\d+) of (\d+) ?(.*)")


def run_demo(settings: Settings, *, exit_when_ready: bool = False, months: int = MONTHS) -> None:
    """Start everything, stay until Ctrl-C (or leave at once when ready), end everything.

    Raises `SupervisorError` for a program that dies, `PortTaken`, `DatabaseUnavailable`, `EmbeddedPostgresError`.
    """
    # A load of minutes: a line every ten seconds is enough where there is no terminal.
    reporter = Reporter(line_every=10)
    folder = settings.home / "demo"
    try:
        with ending_on_signals(), only_one(folder):
            # They would hold the ports that are looked at next.
            end_leftovers(folder)
            _require_ports(settings)
            with _database(settings, reporter), Supervisor(folder, settings.home / "logs") as supervisor:
                Demo(settings, reporter, supervisor, months).start()
                if exit_when_ready:
                    reporter.say("Everything is ready. Stopping, as asked.")
                else:
                    supervisor.watch()
    except KeyboardInterrupt:
        reporter.say("Stopped. Your data is kept; `make demo` brings it back.")


class Demo:
    """The steps, in order."""

    def __init__(self, settings: Settings, reporter: Reporter, supervisor: Supervisor, months: int) -> None:
        self.settings = settings
        self.reporter = reporter
        self.supervisor = supervisor
        self.months = months
        self.address = f"http://{_reachable(settings.host)}:{settings.port}"

    def start(self) -> None:
        """Everything from an empty home to a printed address."""
        loaded, built = is_done("load"), is_done("build")
        if loaded and built:
            with self.reporter.step("Web service and Dagster"):
                # Side by side: each of them spends its start on imports.
                web, code_server = self._start_web(), self._start_code_server()
                self._wait_for_web(web)
                self._finish_dagster(code_server)
        else:
            with self.reporter.step("Web service"):
                self._wait_for_web(self._start_web())
            self._load()
            self._build()
            with self.reporter.step("Dagster"):
                self._finish_dagster(self._start_code_server())
        self._make_people()
        self._print_addresses()

    def _load(self) -> None:
        if is_done("load"):
            return
        with self.reporter.step("Demo company, sent to the front door as webhooks and pushes") as update:
            try:
                load_demo(self.settings, get_engine(), self.address, update, months=self.months)
            except (DeliveryRefused, FrontDoorUnreachable) as error:
                # Where the web service has died, its log says more than a broken connection does.
                self.supervisor.check()
                raise CommandError(f"The demo company was not loaded: {error}. Starting again goes on.") from None
        mark_done("load")

    def _build(self) -> None:
        with self.reporter.step("Marts and forecasts") as update:
            command = [sys.executable, "-m", "orchestration.cli", "build", "--line-every", "0.5"]
            self.supervisor.run("build", command, {}, lambda line: _tell(update, line))
        mark_done("build")

    def _start_web(self) -> Child:
        return self.supervisor.start("web", [sys.executable, "-m", "orchestration.cli", "web"], {})

    def _wait_for_web(self, web: Child) -> None:
        self.supervisor.wait_until(web, lambda: _answers(f"{self.address}/readyz"), seconds=START_SECONDS)

    def _start_code_server(self) -> tuple[Child, int]:
        """The process that imports the definitions, once for Dagster's page and daemon together."""
        fail_dead_runs(self.settings)
        port = _free_port()
        command = [_program("dagster"), "api", "grpc", "--module-name", instance.DEFINITIONS_MODULE]
        command += ["--host", "127.0.0.1", "--port", str(port), "--location-name", instance.LOCATION]
        return self.supervisor.start("dagster-code", command, dbt.environment(self.settings)), port

    def _finish_dagster(self, code_server: tuple[Child, int]) -> None:
        child, port = code_server
        self.supervisor.wait_until(child, lambda: _listens(port), seconds=START_SECONDS)
        workspace = str(instance.write_workspace(self.settings, port))
        address = ["--host", self.settings.host, "--port", str(self.settings.dagster_port)]
        page = self.supervisor.start(
            "dagster-webserver", [_program("dagster-webserver"), "--workspace", workspace, *address], {}
        )
        self.supervisor.start("dagster-daemon", [_program("dagster-daemon"), "run", "--workspace", workspace], {})
        # It begins with a whole build, for which nobody needs to wait: the marts are there.
        self.supervisor.start("worker", [sys.executable, "-m", "orchestration.cli", "worker"], {})
        page_url = f"http://{_reachable(self.settings.host)}:{self.settings.dagster_port}/server_info"
        self.supervisor.wait_until(page, lambda: _answers(page_url), seconds=START_SECONDS)

    def _make_people(self) -> None:
        password = secrets_for(self.settings).get("demo_password")
        with get_engine().begin() as connection:
            for email, name, role in PEOPLE:
                create_user(connection, email, name, password, role=role)

    def _print_addresses(self) -> None:
        web, password = self.settings.web_url, secrets_for(self.settings).get("demo_password")
        lines = [
            f"Dashboard   {web}",
            f"API         {web}/api/v1/metrics/realtime",
            f"Webhooks    {web}/webhooks/github and {web}/webhooks/jira",
            f"Dagster     {self.settings.dagster_url}",
            "",
            f"Sign in as  {PEOPLE[0][0]}",
            f"Password    {password}",
            "",
            f"The same password opens {', '.join(email for email, _, _ in PEOPLE[1:])}.",
            f"Logs are in {self.settings.home / 'logs'}. Ctrl-C ends everything and keeps the data.",
        ]
        self.reporter.box("Delivery Performance Platform", lines)


def is_done(operation: str) -> bool:
    """Whether a step of the demo was once finished in this database."""
    with get_engine().connect() as connection:
        found = connection.execute(
            text("select 1 from ops.fetch_operations where source = :source and operation = :operation limit 1"),
            {"source": SOURCE, "operation": operation},
        )
        return found.first() is not None


def mark_done(operation: str) -> None:
    """Remember in the database that a step of the demo is finished."""
    now = clock.now()
    with get_engine().begin() as connection:
        connection.execute(
            fetch_operations.insert().values(
                source=SOURCE, operation=operation, status="success", started_at=now, finished_at=now
            )
        )


@contextmanager
def _database(settings: Settings, reporter: Reporter) -> Iterator[None]:
    """The database, migrated; the embedded server is stopped after everything else has ended."""
    embedded = embedded_server(settings)
    try:
        with reporter.step("Database" if embedded is None else "Embedded PostgreSQL, for trying only"):
            migrate(settings)
        yield
    finally:
        get_engine().dispose()
        if embedded is not None:
            embedded.stop()


def _require_ports(settings: Settings) -> None:
    """Before anything takes time: are the ports free? Raises `PortTaken`."""
    listening_socket(settings.host, settings.port, "DPP_PORT").close()
    listening_socket(settings.host, settings.dagster_port, "DPP_DAGSTER_PORT").close()


def _reachable(host: str) -> str:
    """The address behind a listening one. Never `localhost`: on ::1 somebody else may listen."""
    return "127.0.0.1" if host == "0.0.0.0" else host


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _tell(update: Update, line: str) -> None:
    """A line of the build's own progress becomes ours."""
    if found := PROGRESS.search(line):
        update(int(found[1]), int(found[2]), found[3])
