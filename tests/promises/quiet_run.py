"""Run once in peace and then again with many kills: what a source's pull must end as, however often it dies.

In: a pull and its arguments. Out: nothing, or a failed assertion.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from core.settings import Settings
from ingestion.sources.tables import RAW_TABLES
from tests.conftest import empty_input_tables
from tests.promises.killing import kill_at_random, run_to_the_end

# What tells when a row was fetched, and not what was fetched.
OF_THE_RUN = "'_dlt_id', '_dlt_load_id', 'fetched_at', 'observed_at'"


def state(engine: Engine, dataset: str) -> dict[str, list[Any]]:
    """Every row of a source's raw tables, without what tells when it was fetched."""
    with engine.connect() as connection:
        return {
            raw.name: sorted(
                json.dumps(row, sort_keys=True)
                for row in connection.execute(
                    text(f"select to_jsonb(whole) - array[{OF_THE_RUN}] from {raw.dataset}.{raw.name} as whole")
                ).scalars()
            )
            for raw in RAW_TABLES
            if raw.dataset == dataset
        }


def reading(settings: Settings, folder: Path, secret: str, value: str, **changed: object) -> Settings:
    """Settings that read a vendor on loopback with a secret of its own."""
    for name, content in {"pseudonym_key": "the pseudonym key of the tests", secret: value}.items():
        (folder / name).write_text(content)
    return settings.model_copy(update={"secrets_folder": folder, **changed})


def ends_as_one_quiet_run(
    engine: Engine, dataset: str, kills: int, seed: int, work: Callable[..., None], *arguments: Any
) -> None:
    """Run once in peace, then again from nothing with many kills: every run that comes to its end ends the same."""
    seconds = run_to_the_end(work, *arguments)
    quiet = state(engine, dataset)
    assert any(quiet.values())

    def start_again() -> None:
        assert state(engine, dataset) == quiet
        with engine.begin() as connection:
            empty_input_tables(connection)

    start_again()
    kill_at_random(work, *arguments, times=kills, within_seconds=seconds, seed=seed, at_the_end=start_again)
    run_to_the_end(work, *arguments)
    assert state(engine, dataset) == quiet
    assert "running" not in recorded(engine)


def recorded(engine: Engine) -> set[str]:
    """How the fetches on record have ended."""
    with engine.connect() as connection:
        return set(connection.execute(text("select status from ops.fetch_operations")).scalars())
