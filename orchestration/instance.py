"""Dagster's instance: its home folder, its database, and how to open it in this process.

In: settings. Out: a folder with `dagster.yaml` and `workspace.yaml`, the environment variables that Dagster
needs, and an open instance. Dagster's own tables stand in a database of their own on the platform's server.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from dagster import DagsterInstance

from core.database import dagster_database, database_url
from core.settings import PROJECT_ROOT, Settings
from orchestration.environment import export

DEFINITIONS_MODULE = "orchestration.definitions"
LOCATION = "delivery_performance"


def home_folder(settings: Settings) -> Path:
    """Dagster's home."""
    return settings.home / "dagster"


def environment(settings: Settings) -> dict[str, str]:
    """The variables that `dagster.yaml` names, and Dagster's home. SQLAlchemy 2.1 needs the driver written out."""
    url = database_url(settings, driver="psycopg2", database=dagster_database(settings))
    return {
        "DAGSTER_HOME": str(home_folder(settings)),
        "DPP_DAGSTER_STORAGE_URL": url.render_as_string(hide_password=False),
        "DPP_DAGSTER_LOGS": str(settings.home / "logs" / "dagster"),
    }


def prepare_instance(settings: Settings) -> None:
    """Put the instance file into Dagster's home and export the variables that it names."""
    folder = home_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "dagster.yaml", folder / "dagster.yaml")
    export(environment(settings))


def write_workspace(settings: Settings, code_server_port: int) -> Path:
    """Tell Dagster's programs on which port of this machine the code server listens; returns the file."""
    path = home_folder(settings) / "workspace.yaml"
    server = {"host": "127.0.0.1", "port": code_server_port, "location_name": LOCATION}
    path.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
    return path


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The persistent instance, for runs inside this process that Dagster's page shall show."""
    prepare_instance(settings)
    with DagsterInstance.from_config(str(home_folder(settings))) as instance:
        yield instance
