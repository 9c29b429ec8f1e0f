{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['jira_sprint_id', 'snapshot_date'],
    meta={'touched': 'touched_sprints', 'touched_key': 'jira_sprint_id'},
    indexes=[
        {'columns': ['sprint_id', 'snapshot_date'], 'unique': true},
        {'columns': ['delivery_stream_id', 'snapshot_date']},
    ],
    pre_hook="{{ begin_build(configuration_fingerprint(['status_mappings'])) }}",
    post_hook="{{ end_build(unique=['(jira_sprint_id, snapshot_date)']) }}",
) }}

with sprints as (
    select
        *,
        greatest(least(coalesce(closed_at, {{ as_of() }}), {{ as_of() }}), starts_at) as last_moment,
        coalesce(closed_at <= {{ as_of() }}, false) as is_closed
    from {{ ref('stg_jira__sprints') }}
    where
        starts_at <= {{ as_of() }}
        and not is_deleted
        {%- if not execute or is_incremental() %}
        and jira_sprint_id in (select touched.jira_sprint_id from ({{ touched_sprints() }}) as touched)
        {%- endif %}
),

stays as (
    select ledger.*
    from {{ ref('work_item_sprints') }} as ledger
    inner join sprints on ledger.jira_sprint_id = sprints.jira_sprint_id
),

tickets as (
    select ticket_id, delivery_stream_id
    from {{ ref('work_item_attributes') }}
    where ticket_id in (select stays.ticket_id from stays)
),

stage_intervals as (
    select ticket_id, stage, started_at, ended_at
    from {{ ref('work_item_stage_intervals') }}
    where ticket_id in (select stays.ticket_id from stays)
),

-- A sprint that is closed at midnight has no moment on the next day.
days as (
    select
        sprints.jira_sprint_id,
        sprints.starts_at,
        calendar.day::date as snapshot_date,
        least({{ day_starts_at('calendar.day::date + 1') }}, sprints.last_moment) as moment,
        {{ day_starts_at('calendar.day::date + 1') }} >= sprints.last_moment as is_last,
        {{ day_starts_at('calendar.day::date + 1') }} >= sprints.last_moment and sprints.is_closed as is_final
    from sprints
    cross join lateral generate_series(
        {{ local_date('sprints.starts_at') }}::timestamp,
        greatest(
            {{ local_date("(sprints.last_moment - interval '1 microsecond')") }},
            {{ local_date('sprints.starts_at') }}
        )::timestamp,
        interval '1 day'
    ) as calendar (day)
),

-- The state before a midnight; at the closing, or now, what happened at that very instant counts. What leaves with the
-- closing was in the sprint when it was closed.
moments as (
    select
        *,
        case when is_last then moment + interval '1 microsecond' else moment end as seen_until,
        case when is_last and not is_final then moment + interval '1 microsecond' else moment end as left_before
    from days
),

-- One row per sprint, day and ticket that the sprint ever held.
held as (
    select
        moments.jira_sprint_id,
        moments.snapshot_date,
        moments.seen_until,
        stays.ticket_id,
        bool_or(
            stays.entered_at <= moments.starts_at and coalesce(stays.left_at > moments.starts_at, true)
        ) as is_committed,
        bool_or(
            stays.entered_at < moments.seen_until and coalesce(stays.left_at > moments.starts_at, true)
        ) as is_known,
        bool_or(
            stays.entered_at < moments.seen_until
            and coalesce(stays.left_at >= moments.left_before and stays.left_at > moments.starts_at, true)
        ) as is_in
    from moments
    inner join stays on moments.jira_sprint_id = stays.jira_sprint_id
    group by moments.jira_sprint_id, moments.snapshot_date, moments.seen_until, stays.ticket_id
),

placed as (
    select
        held.*,
        stage_intervals.stage,
        held.is_in and coalesce(stage_intervals.stage not in ('done', 'cancelled'), true) as is_remaining
    from held
    left join stage_intervals
        on
            held.ticket_id = stage_intervals.ticket_id
            and stage_intervals.started_at < held.seen_until
            and coalesce(stage_intervals.ended_at >= held.seen_until, true)
),

counted as (
    select
        jira_sprint_id,
        snapshot_date,
        count(*) filter (where is_committed)::integer as committed_count,
        count(*) filter (where is_in and stage = 'done')::integer as completed_count,
        count(*) filter (where is_in and stage = 'cancelled')::integer as cancelled_count,
        count(*) filter (where is_remaining)::integer as remaining_count,
        count(*) filter (where is_known and not is_committed)::integer as added_after_start,
        count(*) filter (where is_known and not is_in)::integer as removed_after_start,
        count(*) filter (where is_in and stage = 'ba')::integer as wip_ba,
        count(*) filter (where is_in and stage = 'dev')::integer as wip_dev,
        count(*) filter (where is_in and stage = 'code_review')::integer as wip_code_review,
        count(*) filter (where is_in and stage = 'qa')::integer as wip_qa,
        count(*) filter (where is_in and stage = 'uat')::integer as wip_uat
    from placed
    group by jira_sprint_id, snapshot_date
),

streams as (
    select distinct on (jira_sprint_id) jira_sprint_id, delivery_stream_id
    from (
        select stays.jira_sprint_id, tickets.delivery_stream_id, count(distinct tickets.ticket_id) as items
        from stays
        inner join tickets on stays.ticket_id = tickets.ticket_id
        where tickets.delivery_stream_id is not null
        group by stays.jira_sprint_id, tickets.delivery_stream_id
    ) as counted_streams
    order by jira_sprint_id, items desc, delivery_stream_id
),

ever_held as (
    select jira_sprint_id, array_agg(distinct ticket_id order by ticket_id) as ticket_ids
    from stays
    group by jira_sprint_id
),

final as (
    select
        {{ event_id('sprint_snapshot', ['sprints.sprint_id', 'moments.snapshot_date']) }} as event_id,
        'jira'::text as source,
        coalesce(sprints.delivery_stream_id, streams.delivery_stream_id) as delivery_stream_id,
        null::uuid as tech_stream_id,
        moments.moment as received_at,
        moments.moment as event_timestamp,
        sprints.sprint_id,
        sprints.jira_sprint_id,
        moments.snapshot_date,
        coalesce(counted.committed_count, 0) as committed_count,
        coalesce(counted.completed_count, 0) as completed_count,
        coalesce(counted.remaining_count, 0) as remaining_count,
        coalesce(counted.cancelled_count, 0) as cancelled_count,
        coalesce(counted.added_after_start, 0) as added_after_start,
        coalesce(counted.removed_after_start, 0) as removed_after_start,
        coalesce(counted.wip_ba, 0) as wip_ba,
        coalesce(counted.wip_dev, 0) as wip_dev,
        coalesce(counted.wip_code_review, 0) as wip_code_review,
        coalesce(counted.wip_qa, 0) as wip_qa,
        coalesce(counted.wip_uat, 0) as wip_uat,
        moments.is_final,
        case when moments.is_last then ever_held.ticket_ids end as ticket_ids
    from moments
    inner join sprints on moments.jira_sprint_id = sprints.jira_sprint_id
    left join counted
        on moments.jira_sprint_id = counted.jira_sprint_id and moments.snapshot_date = counted.snapshot_date
    left join streams on moments.jira_sprint_id = streams.jira_sprint_id
    left join ever_held on moments.jira_sprint_id = ever_held.jira_sprint_id
)

select * from final
