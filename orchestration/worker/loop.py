"""The worker itself: wait for news, build what it concerns, say how far the marts are.

In: settings. Out: marts that follow what arrives, until somebody ends the process. Where it is killed, whatever it had
not finished is built by the next one, which begins with a whole build, or by Dagster's sensor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import psycopg
from psycopg import Connection

from core import clock
from core.database import LANDING_CHANNEL, WORKER_LOCK, database_url, get_engine
from core.logging import get_logger
from core.settings import Settings
from orchestration.build_lock import build_lock
from orchestration.errors import CommandError
from orchestration.mart_state import note_build
from orchestration.worker.build import News, build
from orchestration.worker.news import Horizon, look
from orchestration.worker.plan import Plan, learn
from orchestration.worker.reports import Reports

# Between two looks where nobody says anything: configuration and pulled rows are not announced.
LOOK_SECONDS = 1.0
# What belongs together arrives together: a merged pull request is five deliveries.
GATHER_SECONDS = 0.05
# Ages and windows move on with the clock alone.
DATED_EVERY_SECONDS = 60.0
REPORT_EVERY_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 60.0
log = get_logger(__name__)
_Rows = tuple[object, ...]


class WorkerRuns(CommandError):
    """Another worker builds for this database already."""


def run_worker(settings: Settings, reports: Reports, *, is_ended: Callable[[], bool] = lambda: False) -> None:
    """Build what arrives until `is_ended` (or an interrupt). Raises `WorkerRuns`, `DatabaseUnavailable`."""
    url = database_url(settings).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC -c jit=off") as connection:
        _hold(connection)
        connection.execute(f"listen {LANDING_CHANNEL}")
        worker = Worker(settings, connection, reports)
        failures = 0
        while not is_ended():
            try:
                worker.step()
                failures = 0
            except (psycopg.Error, CommandError) as error:
                if connection.closed:
                    raise
                failures += 1
                pause = min(LONGEST_PAUSE_SECONDS, 2.0**failures)
                log.error("build_failed", reason=str(error).strip(), next_try_in_seconds=pause)
                worker.doubt(learn_again=failures > 1)
                time.sleep(pause)


class Worker:
    """What a worker knows: the plan, and how far it has built."""

    def __init__(self, settings: Settings, connection: Connection[_Rows], reports: Reports) -> None:
        self._settings = settings
        self._connection = connection
        self._reports = reports
        self._plan: Plan | None = None
        self._is_in_doubt = False
        self._horizon = Horizon(0, {})
        self._dated_at = 0.0
        self._dated_on: date | None = None
        self._reported_at = time.monotonic()

    def doubt(self, *, learn_again: bool) -> None:
        """After a failure nobody knows which models are behind: run all, or begin anew with a whole build of dbt's."""
        self._is_in_doubt = True
        if learn_again:
            self._plan = None

    def step(self) -> None:
        """Wait for news for a moment; build where there is any. The first step builds everything."""
        if self._plan is None:
            self._begin()
            return
        for _ in self._connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
            time.sleep(GATHER_SECONDS)
        news, horizon = look(self._connection, self._horizon)
        if self._is_in_doubt:
            news = replace(news, everything=True)
        dated = self._is_dated_due(has_news=bool(news))
        if news or dated:
            self._build(self._plan, news, horizon, dated=dated)
        if time.monotonic() - self._reported_at > REPORT_EVERY_SECONDS:
            self._reports.send(self._horizon.landing_id)
            self._reported_at = time.monotonic()

    def _begin(self) -> None:
        _, horizon = look(self._connection, self._horizon)
        with build_lock(get_engine(), log.info):
            plan = learn(self._settings)
        self._horizon = horizon
        self._note(changed=True)
        self._plan, self._is_in_doubt = plan, False
        self._mark_dated()
        log.info("worker_ready", models=len(plan.models), landing_id=horizon.landing_id)

    def _build(self, plan: Plan, news: News, horizon: Horizon, *, dated: bool) -> None:
        started = time.perf_counter()
        with build_lock(get_engine(), log.info):
            done = build(self._connection, plan, news, clock.now(), dated=dated)
        self._horizon, self._is_in_doubt = horizon, False
        self._note(changed=bool(done.changed))
        if dated:
            self._mark_dated()
        self._reports.gather(done.changed)
        log.info(
            "built",
            landing_id=horizon.landing_id,
            models=len(done.written),
            changed=len(done.changed),
            seconds=round(time.perf_counter() - started, 3),
        )

    def _note(self, *, changed: bool) -> None:
        with get_engine().begin() as connection:
            note_build(connection, self._horizon.landing_id, "worker", changed=changed)

    def _is_dated_due(self, *, has_news: bool) -> bool:
        if self._today() != self._dated_on:
            return True
        return has_news and time.monotonic() - self._dated_at > DATED_EVERY_SECONDS

    def _mark_dated(self) -> None:
        self._dated_at, self._dated_on = time.monotonic(), self._today()

    def _today(self) -> date:
        return clock.now().astimezone(ZoneInfo(self._settings.timezone)).date()


def _hold(connection: Connection[_Rows]) -> None:
    """Be the one worker; the lock ends with the connection, however the process ends."""
    row = connection.execute("select pg_try_advisory_lock(%s)", (WORKER_LOCK,)).fetchone()
    if row is None or not row[0]:
        raise WorkerRuns("A worker builds for this database already")
