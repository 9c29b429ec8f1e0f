"""One build: the models that what arrived can change, parents first, each in a transaction of its own.

In: a plan, what arrived, the instant to build for. Out: how many rows each model wrote. A model whose parents wrote
nothing is not run: that is what keeps a build of one event at a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Connection, Cursor

from orchestration.worker.plan import Model, Plan

LANDING = "landing.raw_events"
WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE")


@dataclass(frozen=True)
class News:
    """What is new: senders of deliveries, tables of the other inputs, and whether everything is to be run."""

    vendors: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset()
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.vendors or self.inputs)

    def concern(self, model: Model) -> bool:
        """Whether the model reads any of it itself."""
        return (
            self.everything
            or bool(self.inputs & model.inputs)
            or (LANDING in model.inputs and (model.vendor is None or model.vendor in self.vendors))
        )


@dataclass
class Build:
    """Rows written by each model that ran."""

    written: dict[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> Mapping[str, int]:
        """The models that wrote anything."""
        return {name: rows for name, rows in self.written.items() if rows}


def build(connection: Connection[tuple[object, ...]], plan: Plan, news: News, as_of: datetime, *, dated: bool) -> Build:
    """Run the affected models; with `dated` also those whose result depends on the instant alone.

    The connection is in autocommit mode. Raises `psycopg.Error`; what was built before the failing model stays.
    """
    done = Build()
    for model in plan.models:
        if (
            news.concern(model)
            or any(done.written.get(parent) for parent in model.parents)
            or (dated and model.script.is_dated)
        ):
            done.written[model.name] = _run(connection, model, as_of)
    return done


def _run(connection: Connection[tuple[object, ...]], model: Model, as_of: datetime) -> int:
    before, rows, after = (part.encode() for part in model.script.dated(as_of))
    with connection.transaction(), connection.cursor() as cursor:
        if before:
            cursor.execute(before)
        cursor.execute(rows)
        written = sum(_written(cursor))
        if after:
            cursor.execute(after)
    return written


def _written(cursor: Cursor[tuple[object, ...]]) -> Iterator[int]:
    """Rows of each statement that writes. The first one fills the temporary table."""
    while True:
        if (cursor.statusmessage or "").startswith(WRITES):
            yield max(cursor.rowcount, 0)
        if not cursor.nextset():
            return
