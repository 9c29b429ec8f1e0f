"""What a forecast is made from: the weekly completions of delivery streams, and the items that remain.

In: a connection. Out: typed values from `metrics.weekly_throughput` and `metrics.wip_by_stage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class StreamHistory:
    """One delivery stream: items completed per week, oldest first, the unfinished week left out, and what remains."""

    stream_id: UUID
    display_name: str
    weekly_throughput: tuple[int, ...]
    scope: int


def read_histories(
    connection: Connection, stream_ids: Sequence[UUID] | None = None
) -> tuple[datetime | None, list[StreamHistory]]:
    """The instant that the marts describe (None: they are empty), and the history of every active delivery stream.

    `stream_ids` asks for those streams alone, active or not.
    """
    wanted = None if stream_ids is None else list(stream_ids)
    rows = connection.execute(text(_HISTORIES), {"stream_ids": wanted}).mappings().all()
    histories = [
        StreamHistory(row["stream_id"], row["display_name"], tuple(row["weekly_throughput"]), int(row["scope"]))
        for row in rows
    ]
    return (rows[0]["as_of"] if rows else None), histories


# The scope of 004 §6.5.1: everything from the backlog to acceptance, code review between development and QA included.
_HISTORIES = """
with

streams as (
    select
        stream_id,
        display_name
    from config.delivery_streams
    where
        case
            when cast(:stream_ids as uuid[]) is null then is_active
            else stream_id = any(cast(:stream_ids as uuid[]))
        end
),

throughput as (
    select
        stream_id,
        array_agg(completed_count order by week_start) as weekly_throughput
    from metrics.weekly_throughput
    where stream_type = 'delivery'
    group by stream_id
),

remaining as (
    select
        stream_id,
        sum(item_count) as scope
    from metrics.wip_by_stage
    where stream_type = 'delivery'
    group by stream_id
),

final as (
    select
        streams.stream_id,
        streams.display_name,
        coalesce(throughput.weekly_throughput, '{}') as weekly_throughput,
        coalesce(remaining.scope, 0) as scope,
        (select max(as_of) from metrics.wip_by_stage) as as_of
    from streams
    left join throughput on throughput.stream_id = streams.stream_id
    left join remaining on remaining.stream_id = streams.stream_id
)

select * from final
order by display_name, stream_id
"""
