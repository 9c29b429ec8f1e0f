"""How far the marts are: what has been built, told by everybody who builds, read by all who wait for it.

In: a connection. Out: the one row of `ops.mart_state`. Its version grows with each build that changed anything, so
whoever keeps answers knows when they are old.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, text

from core import clock

BuiltBy = Literal["run", "worker"]


def newest_landing_id(connection: Connection) -> int:
    """The number of the newest delivery; 0 where nothing has landed."""
    newest: int = connection.execute(text("select coalesce(max(landing_id), 0) from landing.raw_events")).scalar_one()
    return newest


def built_until(connection: Connection) -> int:
    """The newest delivery that the marts contain; 0 before the first build."""
    return connection.execute(text("select landing_id from ops.mart_state")).scalar() or 0


def note_build(connection: Connection, landing_id: int, built_by: BuiltBy, *, changed: bool) -> None:
    """Everything up to `landing_id` is in the marts now; `changed` where a row of them is another than before."""
    connection.execute(
        text(
            """
            insert into ops.mart_state as state (landing_id, built_at, built_by, version)
            values (:landing_id, :built_at, :built_by, 1)
            on conflict (singleton) do update
            set
                landing_id = greatest(state.landing_id, excluded.landing_id),
                built_at = excluded.built_at,
                built_by = excluded.built_by,
                version = state.version + case when :changed then 1 else 0 end
            """
        ),
        {"landing_id": landing_id, "built_at": clock.now(), "built_by": built_by, "changed": changed},
    )
