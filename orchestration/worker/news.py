"""What has arrived since the last build.

In: a connection. Out: `News` and how far it reaches. Deliveries are known by their numbers; for every other input (what
sources pulled, what administrators configured, what forecasts say) PostgreSQL's own counters of written rows tell
whether anybody wrote there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection

from orchestration.worker.build import News

_ARRIVED = """
select
    (select coalesce(max(landing_id), 0) from landing.raw_events) as newest,
    (select array_agg(distinct source) from landing.raw_events where landing_id > %s) as vendors
"""
_WRITTEN = """
select schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del
from pg_stat_user_tables
where schemaname in ('config', 'forecast') or schemaname like 'raw\\_%'
"""


@dataclass(frozen=True)
class Horizon:
    """How far a build looks: the newest delivery, and the rows ever written to each other input."""

    landing_id: int
    written: Mapping[str, int]


def look(connection: Connection[tuple[object, ...]], seen: Horizon) -> tuple[News, Horizon]:
    """What is new behind `seen`, and the horizon that a build of it reaches."""
    newest, vendors = connection.execute(_ARRIVED, (seen.landing_id,)).fetchone() or (0, None)
    # Counters, not contents: what they count is read by the build, so that a late count only builds once more.
    written = {str(name): int(str(count)) for name, count in connection.execute(_WRITTEN)}
    inputs = frozenset(name for name, count in written.items() if seen.written.get(name, 0) != count)
    found = vendors if isinstance(vendors, list) else []
    return News(frozenset(map(str, found)), inputs), Horizon(int(str(newest)), written)
