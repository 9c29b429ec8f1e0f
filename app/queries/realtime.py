"""Where is the work now, and how long did finished work take?

In: a connection and a stream. Out: work in progress by stage with the bottleneck, and the completed items
of a window with their percentiles. The percentiles are read from the marts: this module computes none.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, text

from app.queries.current import current_metrics, number
from app.queries.readiness import NOT_BUILT, missing_marts, why_no_work_items
from app.queries.values import (
    DEFAULT_WINDOW,
    SUCCESS,
    Bottleneck,
    CycleTimes,
    FinishedItem,
    Selection,
    WipStage,
    WorkInProgress,
)

WIP_STAGES = ("ba", "dev", "code_review", "qa", "uat")
CYCLE_TIME_METRICS = ("cycle_time_p50", "cycle_time_p85", "cycle_time_p95")
# A quarter of a large company; beyond it a browser draws slowly and a person sees a cloud.
MOST_ITEMS = 5000
# Fewer waiting items than this are chance, not a bottleneck.
FEWEST_WAITING = 4
# Five stages share the waiting items; one that holds this share of them holds twice its part.
BOTTLENECK_SHARE = 0.4


def work_in_progress(connection: Connection, selection: Selection) -> WorkInProgress:
    """Items by stage now, backlog apart, and the stage in front of which they pile up."""
    if missing_marts(connection):
        return WorkInProgress(NOT_BUILT, None, (), 0, 0, None)
    rows = (
        connection.execute(
            text(
                """
                select
                    pipeline_stage,
                    coalesce(sum(item_count) filter (where is_active_work), 0) as active_count,
                    coalesce(sum(item_count) filter (where not is_active_work), 0) as waiting_count,
                    sum(blocked_count) as blocked_count,
                    sum(average_age_days * item_count) / nullif(sum(item_count), 0) as average_age_days,
                    max(oldest_age_days) as oldest_age_days,
                    max(as_of) as as_of
                from metrics.wip_by_stage
                where stream_type = :stream_type and stream_id = :stream_id
                group by pipeline_stage
                """
            ),
            {"stream_type": selection.stream_type, "stream_id": selection.stream_id},
        )
        .mappings()
        .all()
    )
    by_stage = {row["pipeline_stage"]: _stage(row) for row in rows}
    nothing = dict.fromkeys(WIP_STAGES)
    stages = tuple(by_stage.get(stage) or WipStage(stage, 0, 0, 0, None, None) for stage in nothing)
    backlog = by_stage["backlog"].item_count if "backlog" in by_stage else 0
    total = sum(stage.item_count for stage in stages)
    return WorkInProgress(
        state=SUCCESS if total or backlog else why_no_work_items(connection, selection),
        as_of=max((row["as_of"] for row in rows), default=None),
        stages=stages,
        backlog_count=backlog,
        total=total,
        bottleneck=find_bottleneck(stages),
    )


def find_bottleneck(stages: Sequence[WipStage]) -> Bottleneck | None:
    """The stage that most items wait for, where it stands out; None where work flows.

    Waiting items tell a bottleneck from a big team: many items in work is capacity, many that wait is a queue.
    It stands out with at least `FEWEST_WAITING` items, `BOTTLENECK_SHARE` of all that wait, and a queue at
    least as long as what is being worked on there.
    """
    all_waiting = sum(stage.waiting_count for stage in stages)
    if not all_waiting:
        return None
    longest = max(stages, key=lambda stage: (stage.waiting_count, stage.oldest_age_days or 0))
    share = longest.waiting_count / all_waiting
    stands_out = (
        longest.waiting_count >= FEWEST_WAITING
        and share >= BOTTLENECK_SHARE
        and longest.waiting_count >= longest.active_count
    )
    if not stands_out:
        return None
    return Bottleneck(longest.stage, longest.waiting_count, longest.item_count, share, longest.oldest_age_days)


def cycle_times(connection: Connection, selection: Selection, window_days: int = DEFAULT_WINDOW) -> CycleTimes:
    """The items completed in the window, newest first, with the window's percentiles from the marts."""
    if missing_marts(connection):
        return CycleTimes(NOT_BUILT, window_days, None, None, None, None, None, 0, (), False)
    metrics = {
        metric.metric_name: metric
        for metric in current_metrics(connection, selection, window_days, names=CYCLE_TIME_METRICS)
    }
    p85 = metrics.get("cycle_time_p85")
    rows = _finished(connection, selection, p85.window_start, p85.window_end) if p85 else []
    values = {name: metric.value for name, metric in metrics.items()}
    return CycleTimes(
        state=SUCCESS if rows else why_no_work_items(connection, selection),
        window_days=window_days,
        window_start=p85.window_start if p85 else None,
        window_end=p85.window_end if p85 else None,
        p50=values.get("cycle_time_p50"),
        p85=values.get("cycle_time_p85"),
        p95=values.get("cycle_time_p95"),
        excluded_count=p85.excluded_count if p85 else 0,
        items=tuple(_finished_item(row) for row in rows[:MOST_ITEMS]),
        is_truncated=len(rows) > MOST_ITEMS,
    )


def _finished(
    connection: Connection, selection: Selection, window_start: object, window_end: object
) -> Sequence[RowMapping]:
    belongs = {
        "all": "true",
        "delivery": "delivery_stream_id = :stream_id",
        "tech": ":stream_id = any(tech_stream_ids)",
    }[selection.stream_type]
    return (
        connection.execute(
            text(
                f"""
                select ticket_id, ticket_type, completed_at, cycle_time_days, flow_efficiency_pct
                from cycles.work_item_cycles
                where completed_at >= :window_start
                    and completed_at <= :window_end
                    and cycle_time_days is not null
                    and {belongs}
                order by completed_at desc, ticket_id
                limit :most
                """  # noqa: S608 - `belongs` is one of the three constants above
            ),
            {
                "stream_id": selection.stream_id,
                "window_start": window_start,
                "window_end": window_end,
                "most": MOST_ITEMS + 1,
            },
        )
        .mappings()
        .all()
    )


def _stage(row: RowMapping) -> WipStage:
    return WipStage(
        stage=row["pipeline_stage"],
        active_count=int(row["active_count"]),
        waiting_count=int(row["waiting_count"]),
        blocked_count=int(row["blocked_count"] or 0),
        average_age_days=number(row["average_age_days"]),
        oldest_age_days=number(row["oldest_age_days"]),
    )


def _finished_item(row: RowMapping) -> FinishedItem:
    return FinishedItem(
        ticket_id=row["ticket_id"],
        ticket_type=row["ticket_type"],
        completed_at=row["completed_at"],
        cycle_time_days=float(row["cycle_time_days"]),
        flow_efficiency_pct=number(row["flow_efficiency_pct"]),
    )
