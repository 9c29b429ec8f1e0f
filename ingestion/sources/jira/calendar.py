"""Jira's sprints in the platform's calendar: `config.sprints`.

In: what was pulled into `raw_jira`. Out: one row for each sprint that has dates, in days of the organisation's zone.
Jira decides on name, dates, goal and state; the delivery stream is the admin's, and only suggested where there is
none: the stream of the project that the sprint's board stands in. Future sprints without dates wait for them.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_UPSERT = text(
    """
    insert into config.sprints (sprint_id, jira_sprint_id, delivery_stream_id, name, start_date, end_date, goal, state)
    select
        gen_random_uuid(),
        pulled.id,
        projects.delivery_stream_id,
        pulled.name,
        (pulled.starts_at at time zone :zone)::date,
        (greatest(pulled.ends_at, pulled.starts_at) at time zone :zone)::date,
        pulled.goal,
        pulled.state
    from raw_jira.sprints as pulled
    left join raw_jira.boards as boards on pulled.board_id = boards.id
    left join config.jira_projects as projects
        on
            boards.project_key = projects.jira_project_key
            and projects.is_active
            and 'project' = any(projects.stream_methods)
    where
        pulled.state in ('future', 'active', 'closed')
        and pulled.starts_at is not null
        and pulled.ends_at is not null
    on conflict (jira_sprint_id) do update
    set
        delivery_stream_id = coalesce(sprints.delivery_stream_id, excluded.delivery_stream_id),
        name = excluded.name,
        start_date = excluded.start_date,
        end_date = excluded.end_date,
        goal = excluded.goal,
        state = excluded.state
    where
        (sprints.name, sprints.start_date, sprints.end_date, sprints.goal, sprints.state)
        is distinct from (excluded.name, excluded.start_date, excluded.end_date, excluded.goal, excluded.state)
        or (sprints.delivery_stream_id is null and excluded.delivery_stream_id is not null)
    """
)
_FORGET = text(
    "delete from config.sprints where jira_sprint_id in (select id from raw_jira.sprints where state = 'deleted')"
)


def synchronise(connection: Connection, zone: str) -> int:
    """Bring the calendar up to date; `zone` is an IANA name. Returns how many rows were made, changed or deleted."""
    changed = connection.execute(_UPSERT, {"zone": zone}).rowcount
    return changed + connection.execute(_FORGET).rowcount
