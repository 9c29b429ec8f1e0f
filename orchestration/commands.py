"""What the shorter commands of `dpp` do. In: settings and arguments. Out: lines on standard output."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from core.database import database_url, get_engine
from core.logging import configure_logging
from core.settings import Settings
from orchestration.console import Reporter
from orchestration.errors import CommandError
from orchestration.services import migrate, running_database


def bring_up_to_date(settings: Settings) -> None:
    """Migrate; an embedded server that was down is down again afterwards."""
    with running_database(settings) if settings.database_url is None else nullcontext():
        migrate(settings)
    sys.stdout.write("The database is up to date.\n")


def build_tables(
    settings: Settings,
    title: str,
    *,
    full_refresh: bool = False,
    select: str | None = None,
    line_every: float = 5.0,
) -> None:
    """Run the job `rebuild`, or the part of it that `select` names, and show how far it is."""
    from orchestration.runs import run_job

    reporter = Reporter(line_every=line_every)
    with running_database(settings), reporter.step(title) as update:
        run_job(
            settings,
            "rebuild",
            lambda step: update(step.done, step.total, step.name),
            select=select,
            full_refresh=full_refresh,
        )


def run_worker_here(settings: Settings) -> None:
    """Be the worker until somebody ends this process."""
    # Dagster takes seconds to import.
    from orchestration.instance import open_instance
    from orchestration.supervisor import ending_on_signals
    from orchestration.worker.loop import run_worker
    from orchestration.worker.reports import Reports

    configure_logging(settings)
    with running_database(settings), open_instance(settings) as instance, closing(Reports(instance)) as reports:
        try:
            with ending_on_signals():
                run_worker(settings, reports)
        except KeyboardInterrupt:
            sys.stderr.write("Stopped. What arrives now is built by Dagster's sensor.\n")


def list_pulls(settings: Settings) -> None:
    """A table of all sources: name, what it brings, when, and whether it is configured."""
    from orchestration.pulls import NIGHTLY, PULLS

    table = Table("Source", "Brings", "When", "Configured")
    for pulls, when in ((PULLS, "daily"), (NIGHTLY, "nightly")):
        for pull in pulls:
            table.add_row(pull.name, pull.purpose, when, "yes" if pull.is_configured(settings) else "no")
    Console().print(table)


def pull_sources(settings: Settings, names: Sequence[str], *, nightly: bool = False) -> None:
    """Run these sources, or all that are configured; one that fails does not stop the others.

    Raises `CommandError` for an unknown name, for nothing to do, and at the end where something failed.
    """
    from ingestion.pipelines import reason
    from orchestration.pulls import NIGHTLY, PULLS

    known = {pull.name: pull for pull in (*PULLS, *NIGHTLY)}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise CommandError(f"There is no source {unknown[0]!r}: choose from {', '.join(known)}")
    candidates = NIGHTLY if nightly else PULLS
    chosen = [known[name] for name in names] or [pull for pull in candidates if pull.is_configured(settings)]
    if not chosen:
        raise CommandError("No source is configured: docs/operate.md lists the settings of each")
    failures = []
    with running_database(settings):
        for pull in chosen:
            try:
                outcome = pull.call(settings)
            except Exception as error:
                failures.append(f"{pull.name}: {reason(error)}")
                continue
            parts = outcome if isinstance(outcome, list) else [outcome]
            sys.stdout.write(f"{pull.name}: {'; '.join(str(part) for part in parts) or 'nothing new'}\n")
    if failures:
        raise CommandError("\n".join(failures))


def replay_archive(settings: Settings) -> None:
    """Store what the archive has and the database lacks."""
    from ingestion.landing import Archive, replay

    reporter = Reporter()
    with running_database(settings), reporter.step("Replay of the archive") as update:
        stored, known = replay(get_engine(), Archive(settings.archive_location), lambda done: update(done, 0, ""))
    reporter.say(f"{stored} deliveries stored, {known} were there already.")


def add_person(settings: Settings, email: str, name: str, password: str, role: str) -> None:
    """Make a user, or change one."""
    from app.auth.users import create_user

    with running_database(settings), _sayable(), get_engine().begin() as connection:
        create_user(connection, email, name, password, role=role)
    sys.stdout.write(f"{email} can sign in as {role}.\n")


def make_key(settings: Settings, name: str, permissions: list[str], repositories: list[str] | None) -> None:
    """Make an API key and print it once."""
    from core.api_keys import create_key

    scope = {"repositories": repositories} if repositories else None
    with running_database(settings), _sayable(), get_engine().begin() as connection:
        _, plain = create_key(connection, name, permissions, stream_scope=scope)
    sys.stdout.write(f"{plain}\n")


@contextmanager
def _sayable() -> Iterator[None]:
    """Turns what a person typed wrong into a line for that person."""
    try:
        yield
    except ValueError as error:
        raise CommandError(str(error)) from None


def show_status(settings: Settings) -> None:
    """One line for each thing that an operator asks first."""
    with running_database(settings), get_engine().connect() as connection:
        row = connection.execute(text(_STATUS)).mappings().one()
        has_marts = connection.execute(text("select to_regclass('metrics.wip_by_stage')")).scalar() is not None
        as_of = connection.execute(text("select max(as_of) from metrics.wip_by_stage")).scalar() if has_marts else None
    url = database_url(settings)
    lines = {
        "database": f"{url.host}:{url.port or 5432}/{url.database}, version {row['version']}",
        "deliveries": f"{row['deliveries']:,}, the latest {_when(row['latest'])}",
        "dead letters": f"{row['dead_letters']:,}",
        "marts": f"as of {_when(as_of)}" if as_of else "not built yet: run `dpp build`",
        "forecasts": f"of {row['forecast_date']}" if row["forecast_date"] else "none yet",
        "last pull": f"{row['last_pull']}" if row["last_pull"] else "none yet",
    }
    for name, value in lines.items():
        sys.stdout.write(f"{name:<13} {value}\n")


_STATUS = """
select
    (select version_num from ops.schema_versions) as version,
    (select count(*) from landing.raw_events) as deliveries,
    (select max(received_at) from landing.raw_events) as latest,
    (select count(*) from landing.dead_letters where resolved_at is null) as dead_letters,
    (select max(forecast_date) from forecast.forecast_snapshots) as forecast_date,
    (
        select source || ' ' || status || ' at ' || to_char(started_at, 'YYYY-MM-DD HH24:MI')
        from ops.fetch_operations
        where operation = 'pull'
        order by started_at desc
        limit 1
    ) as last_pull
"""


def _when(instant: object) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else "never"


def run_dagster(settings: Settings, arguments: Sequence[str]) -> None:
    """Run a command of Dagster with the environment that `dagster.yaml` and the definitions need."""
    from orchestration.instance import prepare_instance

    with running_database(settings):
        prepare_instance(settings)
        done = subprocess.run([str(Path(sys.executable).with_name("dagster")), *arguments], check=False)
    raise SystemExit(done.returncode)
