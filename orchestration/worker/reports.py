"""Dagster hears of what the worker built: lineage, history and freshness on its page stay true.

In: models and rows written. Out: an asset materialisation for each model that changed, once a minute at most: at
several builds a second each of them would fill Dagster's tables with millions of rows a day.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import dagster as dg

from core.logging import get_logger

log = get_logger(__name__)


class Reports:
    """Gathers what was written; `send` hands it to Dagster from a thread of its own."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._rows: Counter[str] = Counter()
        self._builds = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reports")
        self._sending: Future[None] | None = None
        self._guard = threading.Lock()

    def gather(self, changed: Mapping[str, int]) -> None:
        """One build and the rows that it wrote."""
        with self._guard:
            self._builds += 1
            self._rows.update(changed)

    def send(self, landing_id: int) -> None:
        """Tell Dagster what was gathered since; nothing where an earlier telling still goes on."""
        if self._sending is not None and not self._sending.done():
            return
        with self._guard:
            rows, builds = dict(self._rows), self._builds
            self._rows.clear()
            self._builds = 0
        if rows:
            self._sending = self._thread.submit(self._tell, rows, builds, landing_id)

    def close(self) -> None:
        """Wait for the last telling."""
        self._thread.shutdown(wait=True)

    def _tell(self, rows: Mapping[str, int], builds: int, landing_id: int) -> None:
        for name, count in rows.items():
            try:
                self._instance.report_runless_asset_event(
                    dg.AssetMaterialization(
                        dg.AssetKey(name.split(".", 1)),
                        description="Built by the worker.",
                        metadata={"rows_written": count, "builds": builds, "landing_id": landing_id},
                    )
                )
            except Exception as error:
                # The marts are right without it; Dagster's page only shows an older time.
                log.warning("not_reported", table=name, reason=str(error))
                return
