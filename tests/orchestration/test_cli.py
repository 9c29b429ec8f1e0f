"""`dpp`: wrong settings and a database that is away are one line and status 1, never a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.database import database_url
from core.settings import Settings
from orchestration import cli, web
from orchestration.errors import CommandError


def dpp(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, in a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DPP_")}
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments],
        env={**kept, "DPP_HOME": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_without_its_database_the_web_service_says_so_in_one_line_and_ends(tmp_path: Path) -> None:
    port = closed_port()
    done = dpp(tmp_path, "web", DPP_DATABASE_URL=f"postgresql://somebody:hidden-word@127.0.0.1:{port}/dpp")
    assert done.returncode == 1
    assert done.stderr.startswith(f"No connection to PostgreSQL at 127.0.0.1:{port}, database dpp: ")
    assert done.stderr.count("\n") == 1
    assert "hidden-word" not in done.stderr + done.stdout


def test_a_database_without_our_tables_says_what_to_do(tmp_path: Path, server: Settings) -> None:
    url = database_url(server, database="postgres").render_as_string(hide_password=False)
    done = dpp(tmp_path, "status", DPP_DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (1, "The database is empty: run `dpp migrate` first\n")


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"DPP_PORT": "99999"}, "Cannot start: DPP_PORT = '99999': Input should be less than or equal to 65535\n"),
        ({"DPP_ENVIRONMENT": "production"}, "Cannot start: DPP_DATABASE_URL is not set"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, variables: dict[str, str], line: str) -> None:
    done = dpp(tmp_path, "status", **variables)
    assert done.returncode == 1
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


def test_people_keys_and_status_work_on_a_migrated_database(tmp_path: Path, database: Settings) -> None:
    variables = {"DPP_DATABASE_URL": str(database.database_url)}
    made = dpp(tmp_path, "key", "create", "the tests' pipeline", "--repository", "acme/shop", **variables)
    assert made.returncode == 0
    assert made.stdout.startswith("dpp_")
    wrong = dpp(
        tmp_path, "user", "add", "viewer@demo.example", "--password", "correct horse 9", "--role", "king", **variables
    )
    assert wrong.returncode == 1
    assert "king" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
    status = dpp(tmp_path, "status", **variables)
    assert status.returncode == 0
    assert "dead letters" in status.stdout


def test_every_command_says_what_it_is_for() -> None:
    runner = CliRunner()
    for command in ["", *COMMANDS]:
        shown = runner.invoke(cli.app, [*command.split(), "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, command
    for name in COMMANDS:
        if " " not in name:
            assert name in runner.invoke(cli.app, ["--help"], env={"COLUMNS": "200"}).stdout


COMMANDS = (
    "migrate", "web", "build", "rebuild", "forecast", "demo", "replay", "status", "dagster",
    "load deployments", "load incidents", "load webhooks", "load git", "load jira", "user add", "key create",
)  # fmt: skip


def test_an_unknown_part_of_the_web_service_is_refused_by_name() -> None:
    with pytest.raises(CommandError, match="no part 'sync' of the web service: choose from sink, api, dashboard"):
        web.chosen_parts(["sink", "sync"])
    assert web.chosen_parts(["sink"]) == {web.Part.sink}
    assert web.chosen_parts(None) == set(web.Part)


def test_a_port_that_is_taken_names_the_setting_that_chooses_another() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(web.PortTaken, match=f"Port {port} .*set DPP_PORT to a free one"):
            web.listening_socket("127.0.0.1", port, "DPP_PORT")
