"""How long a newcomer waits: `make demo` on a fresh copy, the second start, and a full dbt build.

In: this working tree. Out: seconds. A copy of the tree gets a home and ports of its own, so a demo that runs
meanwhile is not disturbed; `cold_s` includes the environment. `--size quick` tells three months instead of
eighteen and uses the environment that is there.

    python -m benchmarks.demo [--json] [--size quick]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from core.settings import PROJECT_ROOT, Settings, load_settings
from orchestration import dbt
from orchestration.environment import child_environment
from orchestration.services import running_database

READY = "Sign in as"
STEP = re.compile(r"✓ (.+?) \(([\d.]+) s\)")
LOAD_AND_BUILD = ("Demo company", "Marts and forecasts")
QUICK_MONTHS = 3
LIMITS = {"cold_s": 480, "load_and_build_s": 180, "warm_s": 30, "full_build_s": 60}


def main() -> None:
    """Measure, show a table or one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line last")
    parser.add_argument("--size", choices=("full", "quick"), default="full")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dpp-benchmark-") as folder:
        results = measure(Path(folder), quick=options.size == "quick")
    if options.json:
        sys.stdout.write(json.dumps(results) + "\n")
        return
    sys.stdout.write(f"{'':<20}{'measured':>10}{'limit':>10}\n")
    for name, seconds in results.items():
        sys.stdout.write(f"{name:<20}{seconds:>8.1f} s{LIMITS[name]:>8} s\n")


def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """The four figures, in seconds, with everything made in `folder`."""
    home = folder / "home"
    variables = {"DPP_HOME": str(home), "DPP_PORT": str(free_port()), "DPP_DAGSTER_PORT": str(free_port())}
    # Over the embedded server: what is set outside for another database does not count here.
    variables["DPP_DATABASE_URL"] = ""
    if quick:
        command = [sys.executable, "-m", "orchestration.cli", "demo", "--exit-when-ready", f"--months={QUICK_MONTHS}"]
        copy = PROJECT_ROOT
    else:
        command, copy = ["make", "demo", "ARGS=--exit-when-ready"], copy_tree(folder / "copy")
    cold, steps = run_until_ready(command, copy, variables)
    warm, _ = run_until_ready(command, copy, variables)
    return {
        "cold_s": cold,
        "load_and_build_s": round(
            sum(seconds for name, seconds in steps.items() if name.startswith(LOAD_AND_BUILD)), 1
        ),
        "warm_s": warm,
        "full_build_s": full_build(load_settings(home=home, database_url=None)),
    }


def copy_tree(target: Path) -> Path:
    """The files that a clone would have, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (PROJECT_ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT_ROOT / name, target / name)
    return target


def run_until_ready(command: list[str], folder: Path, variables: dict[str, str]) -> tuple[float, dict[str, float]]:
    """Seconds until the sign-in is printed, and those of every step. Raises `RuntimeError` when it fails."""
    started = time.monotonic()
    ready, steps = 0.0, {}
    with subprocess.Popen(
        command, cwd=folder, env=child_environment(variables), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stderr.write(line)
            if READY in line:
                ready = round(time.monotonic() - started, 1)
            if found := STEP.search(line):
                steps[found[1]] = float(found[2])
    if process.returncode != 0 or not ready:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode} before it was ready")
    return ready, steps


def full_build(settings: Settings) -> float:
    """Seconds of `dbt build --full-refresh` with all data tests: what a rebuild of every derived table costs."""
    with running_database(settings):
        variables = json.dumps(dbt.variables(settings))
        command = [dbt.executable(), "--quiet", "build", "--full-refresh", "--exclude-resource-type", "unit_test"]
        started = time.monotonic()
        subprocess.run(
            [*command, "--vars", variables],
            cwd=dbt.PROJECT_FOLDER,
            env=child_environment(dbt.environment(settings)),
            check=True,
            stdout=sys.stderr,
        )
        return round(time.monotonic() - started, 1)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
