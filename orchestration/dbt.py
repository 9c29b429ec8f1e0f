"""Everything that dbt needs to know from us: connection, variables, folders, manifest.

In: settings. Out: environment variables for `dbt_project/profiles.yml`, the variables of the models,
and a manifest that is parsed again whenever a file of the project has changed. Nothing here connects.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from core import clock
from core.database import database_url
from core.settings import PROJECT_ROOT, Settings
from orchestration.environment import child_environment
from orchestration.errors import CommandError

PROJECT_FOLDER = PROJECT_ROOT / "dbt_project"
NOT_SOURCES = frozenset({"target", "logs", "dbt_packages"})


class DbtProjectError(CommandError):
    """The dbt project cannot be parsed; the message ends with dbt's own lines."""


def executable() -> str:
    """The dbt of this environment."""
    return str(Path(sys.executable).with_name("dbt"))


def target_folder(settings: Settings) -> Path:
    """Where the manifest lies; runs have folders of their own, see `run_folder`."""
    return settings.home / "dbt" / "target"


def environment(settings: Settings, as_of: datetime | None = None) -> dict[str, str]:
    """What dbt reads from the environment. `as_of` is the instant that models take for now; none reads the clock."""
    url = database_url(settings)
    return {
        "DPP_DBT_AS_OF": (as_of or clock.now()).isoformat(),
        "DPP_DBT_HOST": url.host or "localhost",
        "DPP_DBT_PORT": str(url.port or 5432),
        "DPP_DBT_USER": url.username or "",
        "DPP_DBT_PASSWORD": url.password or "",
        "DPP_DBT_DATABASE": url.database or "",
        "DBT_PROFILES_DIR": str(PROJECT_FOLDER),
        "DBT_TARGET_PATH": str(target_folder(settings)),
        "DBT_LOG_PATH": str(settings.home / "logs"),
        # The file log grows without bound; what matters is in Dagster's log of the run.
        "DBT_LOG_LEVEL_FILE": "none",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
    }


def variables(settings: Settings) -> dict[str, str | int]:
    """The models' variables. dbt parses the project anew when one of them has changed."""
    return {
        "timezone": settings.timezone,
        "correlation_window_minutes": settings.correlation_window_minutes,
        "first_deployment_guard_days": settings.first_deployment_guard_days,
        "small_team_minimum": settings.small_team_minimum,
        "pulse_minimum_responses": settings.pulse_minimum_responses,
        "count_bot_pull_requests": settings.count_bot_pull_requests,
    }


def prepare_manifest(settings: Settings) -> Path:
    """Path of a manifest that belongs to the project as it is now; parses only where something has changed.

    Safe to call from several processes. Raises `DbtProjectError`.
    """
    folder = target_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    manifest, stamp = folder / "manifest.json", folder / "fingerprint"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fingerprint = _fingerprint(settings)
        if manifest.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint:
            return manifest
        stamp.unlink(missing_ok=True)
        _parse(settings)
        stamp.write_text(fingerprint, encoding="utf-8")
    return manifest


@contextmanager
def run_folder(settings: Settings, run_id: str) -> Iterator[Path]:
    """A target folder for one run, gone afterwards: each run leaves some megabytes of artefacts."""
    folder = settings.home / "dbt" / "runs" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parse(settings: Settings) -> None:
    done = subprocess.run(
        [executable(), "--quiet", "parse", "--vars", json.dumps(variables(settings))],
        cwd=PROJECT_FOLDER,
        env=child_environment(environment(settings)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DbtProjectError(f"dbt cannot parse {PROJECT_FOLDER}:\n{(done.stdout + done.stderr).strip()[-4000:]}")


def _fingerprint(settings: Settings) -> str:
    """Changes with any file of the project, with dbt's version, and with what else makes dbt parse again."""
    told = {name: value for name, value in environment(settings).items() if name != "DPP_DBT_AS_OF"}
    digest = hashlib.sha256(json.dumps([version("dbt-core"), variables(settings), told], sort_keys=True).encode())
    for path in sorted(PROJECT_FOLDER.rglob("*")):
        inside = path.relative_to(PROJECT_FOLDER)
        if path.is_file() and inside.parts[0] not in NOT_SOURCES:
            digest.update(str(inside).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
