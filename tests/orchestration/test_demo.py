"""`dpp demo`: everything starts, says where it is, and is gone after Ctrl-C; a loaded company is not loaded again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from core.database import database_url, make_engine
from core.settings import PROJECT_ROOT, Settings
from tests.conftest import make_database

pytestmark = pytest.mark.timeout(240)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def processes_of(home: Path) -> list[int]:
    """Everything that runs with this home in its environment."""
    mark = f"DPP_HOME={home}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture
def variables(server: Settings, tmp_path: Path) -> dict[str, str]:
    """The environment of a demo on a database whose company is loaded and built already."""
    database = make_database(server, "dpp_demo")
    engine = make_engine(database_url(database), pool_size=1)
    with engine.begin() as connection:
        for operation in ("load", "build"):
            connection.execute(
                text(
                    "insert into ops.fetch_operations (source, operation, started_at, status)"
                    " values ('demo', :operation, now(), 'success')"
                ),
                {"operation": operation},
            )
    engine.dispose()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DPP_")}
    return {
        **kept,
        "DPP_HOME": str(tmp_path / "home"),
        "DPP_DATABASE_URL": str(database.database_url),
        "DPP_PORT": str(free_port()),
        "DPP_DAGSTER_PORT": str(free_port()),
    }


@pytest.fixture
def demo(variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "demo"],
        cwd=PROJECT_ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    process.terminate()
    process.communicate(timeout=30)


def test_everything_starts_says_where_it_is_and_is_gone_after_ctrl_c(
    demo: subprocess.Popen[str], variables: dict[str, str]
) -> None:
    assert demo.stdout is not None
    shown = []
    for line in demo.stdout:
        shown.append(line)
        if line.startswith("Logs are in"):
            break
    screen = "".join(shown)
    web, dagster = f"http://localhost:{variables['DPP_PORT']}", f"http://localhost:{variables['DPP_DAGSTER_PORT']}"
    assert f"Dashboard   {web}\n" in screen
    assert f"Dagster     {dagster}\n" in screen
    assert "Demo company" not in screen, "it was loaded again"

    password = re.search(r"Password    (\S+)", screen)
    assert password is not None
    signed_in = httpx.post(
        f"{web}/auth/sign-in",
        data={"email": "lead@demo.example", "password": password[1]},
        headers={"Origin": web},
    )
    assert signed_in.status_code == 303
    assert "set-cookie" in signed_in.headers
    assert httpx.get(f"{dagster}/server_info").status_code == 200
    query = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"
    workspace = httpx.post(f"{dagster}/graphql", json={"query": query}).json()["data"]["workspaceOrError"]
    assert workspace["locationEntries"] == [{"locationOrLoadError": {"__typename": "RepositoryLocation"}}]
    home = Path(variables["DPP_HOME"])
    assert len(processes_of(home)) >= 5

    second = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "demo"], env=variables, capture_output=True, text=True, check=False
    )
    assert (second.returncode, second.stderr.count("\n")) == (1, 1)
    assert "running already" in second.stderr

    demo.send_signal(signal.SIGINT)
    assert "Your data is kept" in demo.stdout.read()
    assert demo.wait(timeout=30) == 0
    assert processes_of(home) == []


def test_a_taken_port_is_one_line_before_anything_starts(variables: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(variables["DPP_DAGSTER_PORT"])))
        other.listen()
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "demo"],
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert re.fullmatch(rf"Port {variables['DPP_DAGSTER_PORT']} .* set DPP_DAGSTER_PORT to a free one\n", done.stderr)
    assert done.stdout == ""
