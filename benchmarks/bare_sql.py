"""What plain, well-written SQL takes for the same meaning on the same staged rows: the measure for the marts.

In: a database that `benchmarks.staged_rows` filled. Out: seconds of each part. The parts are those of the metrics'
hard core: stage intervals (one pass with lead), business days (a prefix sum over a calendar and two look-ups),
30-day percentiles by stream and day (a covering index, one array percentile_cont for each), work in progress by day
(running sums of +1 and -1), incidents and lead times of deployments. No ids, no late deliveries told twice, no
reopening rules, no increments, no data contracts: only the arithmetic.
"""

from __future__ import annotations

import time

from sqlalchemy import Engine, text

STAGE_INTERVALS = """
create table bare.stage_intervals as
with entries as (
    select ticket_id, created_at as entered_at, 0 as place, 'To Do' as status from staging.stg_jira__issues
    union all
    select ticket_id, changed_at, 1, status_to from staging.stg_jira__issue_changes where status_to is not null
    union all
    select ticket_id, event_at, (event_name <> 'jira:issue_created')::integer, coalesce(status_to, status_name)
    from staging.stg_jira__issue_events
)
select
    entries.ticket_id,
    mapping.pipeline_stage as stage,
    mapping.is_active_work,
    entries.entered_at as started_at,
    lead(entries.entered_at) over (partition by entries.ticket_id order by entries.entered_at, entries.place) as ended_at
from entries
inner join config.status_mappings as mapping
    on split_part(entries.ticket_id, '-', 1) = mapping.jira_project_key and entries.status = mapping.jira_status_name;
analyze bare.stage_intervals
"""

BUSINESS_DAYS = """
create table bare.calendar as
with days as (
    select day::date as day, extract(isodow from day) < 6 and holidays.holiday_date is null as is_business_day
    from generate_series(timestamp '2020-01-01', timestamp '2030-01-01', interval '1 day') as day
    left join config.holidays as holidays on holidays.holiday_date = day::date
)
select
    day, is_business_day, day::timestamp at time zone 'UTC' as starts_at,
    86400.0::double precision * coalesce(
        sum(is_business_day::integer) over (order by day rows between unbounded preceding and 1 preceding), 0
    ) as seconds_before
from days;
create unique index on bare.calendar (day);
analyze bare.calendar;
create table bare.stage_days as
select
    stays.ticket_id, stays.stage, stays.is_active_work, stays.started_at, stays.ended_at,
    (
        ended.seconds_before
        + case when ended.is_business_day then extract(epoch from stays.ended_at - ended.starts_at)::float8 else 0 end
        - started.seconds_before
        - case when started.is_business_day then extract(epoch from stays.started_at - started.starts_at)::float8 else 0 end
    ) / 86400 as business_days
from bare.stage_intervals as stays
left join bare.calendar as started on started.day = (stays.started_at at time zone 'UTC')::date
left join bare.calendar as ended on ended.day = (stays.ended_at at time zone 'UTC')::date;
create table bare.cycles as
select
    ticket_id,
    split_part(ticket_id, '-', 1) as stream,
    max(started_at) filter (where stage = 'done' and ended_at is null) as completed_at,
    sum(business_days) filter (where stage not in ('backlog', 'done', 'cancelled') and is_active_work) as active_days,
    sum(business_days) filter (where stage not in ('backlog', 'done', 'cancelled')) as cycle_days
from bare.stage_days
group by ticket_id
having count(*) filter (where stage = 'done' and ended_at is null) > 0
"""

PERCENTILES = """
create index on bare.cycles (stream, completed_at) include (cycle_days);
analyze bare.cycles;
create table bare.percentiles as
select day, streams.stream, found.percentiles, found.items
from generate_series(timestamptz '2023-06-01Z', timestamptz '2026-06-01Z', interval '1 day') as day
cross join (select distinct stream from bare.cycles) as streams
cross join lateral (
    select percentile_cont(array[0.5, 0.85, 0.95]) within group (order by cycle_days) as percentiles, count(*) as items
    from bare.cycles
    where
        cycles.stream = streams.stream and cycles.completed_at >= day - interval '30 days'
        and cycles.completed_at < day
) as found
"""

WORK_IN_PROGRESS = """
create table bare.work_in_progress as
with steps as (
    select split_part(ticket_id, '-', 1) as stream, stage, (started_at at time zone 'UTC')::date as day, 1 as step
    from bare.stage_intervals where stage not in ('done', 'cancelled')
    union all
    select split_part(ticket_id, '-', 1), stage, (ended_at at time zone 'UTC')::date, -1
    from bare.stage_intervals where stage not in ('done', 'cancelled') and ended_at is not null
    union all
    -- Days on which nothing moves.
    select projects.jira_project_key, stages.stage, day::date, 0
    from config.jira_projects as projects
    cross join unnest(array['backlog', 'ba', 'dev', 'code_review', 'qa', 'uat']) as stages (stage)
    cross join generate_series(timestamp '2023-06-01', timestamp '2026-06-01', interval '1 day') as day
)
select stream, stage, day, sum(sum(step)) over (partition by stream, stage order by day) as items
from steps
group by stream, stage, day
"""

DEPLOYMENTS = """
create table bare.lead_times as
with merged as (
    select pull_request_key, repo_full_name, merge_commit_sha, opened_at, merged_at
    from staging.stg_github__fetched_pull_requests where merged_at is not null
    union all
    select pull_request_key, repo_full_name, merge_commit_sha, opened_at, merged_at
    from staging.stg_github__pull_requests where merged_at is not null
),
live as (
    select observation_key, repo_full_name, event_timestamp as deployed_at
    from staging.stg_push__deployments
    where environment = 'production' and event_type = 'deploy_completed'
),
moments as (
    select repo_full_name, merged_at as at, pull_request_key, opened_at, null::timestamptz as deployed_at from merged
    union all
    select repo_full_name, deployed_at, null, null, deployed_at from live
)
select repo_full_name, pull_request_key, opened_at, at as merged_at, next_deployed_at - opened_at as lead_time
from (
    select
        moments.*,
        -- The next deployment is the smallest so far when read backwards.
        min(deployed_at) over (partition by repo_full_name order by at desc rows unbounded preceding)
            as next_deployed_at
    from moments
) as followed
where pull_request_key is not null;
create table bare.incidents as
select
    opened.incident_id, opened.occurred_at as opened_at, ended.occurred_at as resolved_at, cause.observation_key
from staging.stg_push__incidents as opened
left join staging.stg_push__incidents as ended
    on ended.incident_id = opened.incident_id and ended.event_type = 'incident_resolved'
left join lateral (
    select deployments.observation_key
    from staging.stg_push__deployments as deployments
    where
        deployments.service_name = opened.service_name and deployments.environment = 'production'
        and deployments.event_timestamp between opened.occurred_at - interval '1 hour' and opened.occurred_at
    order by deployments.event_timestamp desc
    limit 1
) as cause on true
where opened.event_type = 'incident_opened'
"""

# Staging has no index for this look-up; whoever asks it in plain SQL would make one.
PREPARATION = """
drop schema if exists bare cascade;
create schema bare;
create index if not exists by_service on staging.stg_push__deployments (service_name, event_timestamp)
"""

PARTS = {
    "stage_intervals": STAGE_INTERVALS,
    "business_days": BUSINESS_DAYS,
    "percentiles": PERCENTILES,
    "work_in_progress": WORK_IN_PROGRESS,
    "lead_times_and_incidents": DEPLOYMENTS,
}


def measure(engine: Engine) -> dict[str, float]:
    """Seconds of each part, one after the other; its tables are gone afterwards."""
    seconds = {}
    _run(engine, PREPARATION)
    for name, script in PARTS.items():
        started = time.monotonic()
        _run(engine, script)
        seconds[name] = time.monotonic() - started
    _run(engine, "drop schema bare cascade; drop index staging.by_service")
    return seconds


def _run(engine: Engine, script: str) -> None:
    with engine.begin() as connection:
        for statement in filter(str.strip, script.split(";")):
            connection.execute(text(statement))
