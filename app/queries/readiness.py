"""Can the marts be asked at all, and how fresh are they?

In: a connection. Out: the marts that are missing before the first build, the instant that the numbers
describe, and, for a stream without numbers, the input that is missing and the way to mend it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from app.queries.values import SUCCESS, Selection, State

MARTS = (
    "cycles.work_item_cycles",
    "cycles.work_items",
    "cycles.deployment_records",
    "metrics.weekly_throughput",
    "metrics.wip_by_stage",
    "metrics.daily_stream_metrics",
    "metrics.current_metrics",
    "metrics.metric_catalogue",
)
NOT_BUILT = State(
    "no_data",
    "The metrics have not been built yet.",
    "Materialise the assets in Dagster, or run `dpp build`; this page fills as soon as the first build is done.",
)


def missing_marts(connection: Connection) -> tuple[str, ...]:
    """Names of the marts that do not exist (yet); empty once a build has finished."""
    rows = connection.execute(
        text("select name from unnest(cast(:names as text[])) as name where to_regclass(name) is null"),
        {"names": list(MARTS)},
    )
    return tuple(row.name for row in rows)


def build_state(connection: Connection) -> State:
    """`SUCCESS`, or `NOT_BUILT` where a mart is missing."""
    return NOT_BUILT if missing_marts(connection) else SUCCESS


def data_as_of(connection: Connection) -> datetime | None:
    """The instant that the marts describe (UTC); None before the first build or without any data."""
    if missing_marts(connection):
        return None
    return connection.execute(
        text(
            """
            select greatest(
                (select max(as_of) from metrics.wip_by_stage),
                -- The newest windows end with the instant of the build; rows of days keep their own.
                (select max(window_end) from metrics.current_metrics)
            )
            """
        )
    ).scalar()


def why_no_work_items(connection: Connection, selection: Selection) -> State:
    """Which input is missing where a stream has no work items in progress or completed."""
    counts = connection.execute(
        text(
            """
            select
                count(*) as everywhere,
                count(*) filter (
                    where :stream_type = 'all'
                        or delivery_stream_id = :stream_id
                        or :stream_id = any(tech_stream_ids)
                ) as here,
                count(*) filter (where current_stage is null) as unmapped
            from cycles.work_items
            where not is_deleted
            """
        ),
        {"stream_type": selection.stream_type, "stream_id": selection.stream_id},
    ).one()
    if counts.everywhere == 0:
        return State(
            "no_data",
            "No Jira work item has arrived.",
            "Point a Jira webhook at /webhooks/jira, or load the history with `dpp load jira`.",
        )
    if counts.unmapped == counts.everywhere:
        return State(
            "missing_mapping",
            f"{counts.everywhere} work items have arrived, but no Jira status is mapped to a pipeline stage.",
            "Map the statuses (table config.status_mappings) and rebuild.",
        )
    if counts.here == 0:
        field = "delivery stream" if selection.stream_type == "delivery" else "technology streams"
        return State(
            "missing_mapping",
            f"{counts.everywhere} work items have arrived, but none belongs to {selection.display_name}.",
            f"Check the Jira field that names the {field} (table config.field_mappings), and that tickets carry it.",
        )
    return State("no_data", f"{selection.display_name} has work items, but none in this period.", None)


def why_no_deployments(connection: Connection, selection: Selection) -> State:
    """Which input is missing where a stream has no DORA numbers."""
    counts = connection.execute(
        text(
            """
            select
                count(*) as everywhere,
                count(*) filter (
                    where :stream_type = 'all' or tech_stream_id = :stream_id or delivery_stream_id = :stream_id
                ) as here
            from cycles.deployment_records
            where environment = 'production'
            """
        ),
        {"stream_type": selection.stream_type, "stream_id": selection.stream_id},
    ).one()
    if counts.everywhere == 0:
        return State(
            "no_data",
            "No production deployment has been reported.",
            "Let your CI system push deployments to POST /api/v1/events/deployment with an API key.",
        )
    if counts.here == 0:
        return State(
            "missing_mapping",
            f"{counts.everywhere} production deployments have arrived, but none belongs to {selection.display_name}.",
            "Register its repositories (table config.repositories), and let branches or pull requests name a ticket.",
        )
    return State("no_data", f"{selection.display_name} has deployments, but none in this period.", None)
