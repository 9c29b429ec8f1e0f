{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='ticket_id',
    meta={'touched': 'touched_work_items', 'touched_key': 'ticket_id'},
    indexes=[
        {'columns': ['ticket_id'], 'unique': true},
        {'columns': ['delivery_stream_id', 'completed_at']},
        {'columns': ['completed_at']},
    ],
    pre_hook="{{ begin_build(configuration_fingerprint(['holidays'])) }}",
    post_hook="{{ end_build() }}",
) }}

with work_items as (
    select *
    from {{ ref('work_items') }}
    {{ where_touched(with_tech_streams=true) }}
),

stage_intervals as (
    select *
    from {{ ref('work_item_stage_intervals') }}
    {{ where_touched(with_tech_streams=true) }}
),

work_item_events as (
    select ticket_id, event_id, event_type, event_timestamp
    from {{ ref('work_item_events') }}
    {{ where_touched(with_tech_streams=true) }}
),

business_calendar as (
    select * from {{ ref('business_calendar') }}
),

-- Done is the last stay, which no later event leaves; it began with the completion.
completed as (
    select
        ticket_id,
        jira_project_key,
        delivery_stream_id,
        tech_stream_ids,
        ticket_type,
        story_points,
        sprint_id,
        created_at,
        first_in_progress,
        entered_stage_at as completed_at
    from work_items
    where is_done and not is_deleted
),

-- From the start of work on. Both ends are bounds of stays, so whole stays are summed.
stage_totals as (
    select
        stage_intervals.ticket_id,
        case
            when stage_intervals.stage is null then 'unmapped'
            when stage_intervals.is_active_work then stage_intervals.stage
            else stage_intervals.stage || '_queue'
        end as duration_name,
        coalesce(stage_intervals.is_active_work, false) as is_active_work,
        trim_scale(sum(stage_intervals.business_days)) as business_days
    from stage_intervals
    inner join completed on stage_intervals.ticket_id = completed.ticket_id
    where
        stage_intervals.started_at >= completed.first_in_progress
        and stage_intervals.ended_at <= completed.completed_at
    group by stage_intervals.ticket_id, duration_name, coalesce(stage_intervals.is_active_work, false)
),

durations as (
    select
        ticket_id,
        coalesce(trim_scale(sum(business_days) filter (where is_active_work)), 0) as active_time_days,
        coalesce(trim_scale(sum(business_days) filter (where not is_active_work)), 0) as wait_time_days,
        jsonb_object_agg(duration_name, business_days) as stage_durations
    from stage_totals
    group by ticket_id
),

reopenings as (
    select distinct ticket_id
    from stage_intervals
    where stage = 'done' and ended_at is not null
),

block_events as (
    select
        ticket_id,
        event_type in ('blocked', 'flagged') as is_blocked,
        event_timestamp as started_at,
        lead(event_timestamp) over sequence as ended_at
    from work_item_events
    where event_type in ('blocked', 'flagged', 'unblocked', 'unflagged')
    window sequence as (
        partition by ticket_id order by event_timestamp, {{ event_type_rank('event_type') }}, event_id
    )
),

-- What of the blocked time lies between start and completion.
blocked_intervals as (
    select
        completed.ticket_id,
        greatest(block_events.started_at, completed.first_in_progress) as started_at,
        least(block_events.ended_at, completed.completed_at) as ended_at
    from completed
    inner join block_events on completed.ticket_id = block_events.ticket_id
    where
        block_events.is_blocked
        and block_events.started_at < completed.completed_at
        and coalesce(block_events.ended_at, completed.completed_at) > completed.first_in_progress
),

blocked as (
    select
        blocked_intervals.ticket_id,
        trim_scale(sum(
            {{ business_days(
                business_clock('blocked_intervals.started_at', 'start_day'),
                business_clock('blocked_intervals.ended_at', 'end_day')
            ) }}
        )) as blocked_days
    from blocked_intervals
    inner join business_calendar as start_day on start_day.day = {{ local_date('blocked_intervals.started_at') }}
    inner join business_calendar as end_day on end_day.day = {{ local_date('blocked_intervals.ended_at') }}
    group by blocked_intervals.ticket_id
),

measured as (
    select
        completed.*,
        {{ business_days(
            business_clock('completed.created_at', 'created_day'),
            business_clock('completed.completed_at', 'completed_day')
        ) }} as lead_time_days,
        coalesce(durations.active_time_days, 0) as active_time_days,
        coalesce(durations.wait_time_days, 0) as wait_time_days,
        coalesce(trim_scale(durations.active_time_days + durations.wait_time_days), 0) as cycle_time_days,
        coalesce(durations.stage_durations, '{}'::jsonb) as stage_durations,
        coalesce(blocked.blocked_days, 0) as blocked_days,
        reopenings.ticket_id is not null as is_reopened
    from completed
    left join business_calendar as created_day on created_day.day = {{ local_date('completed.created_at') }}
    left join business_calendar as completed_day on completed_day.day = {{ local_date('completed.completed_at') }}
    left join durations on completed.ticket_id = durations.ticket_id
    left join reopenings on completed.ticket_id = reopenings.ticket_id
    left join blocked on completed.ticket_id = blocked.ticket_id
),

final as (
    select
        {{ event_id('work_item_cycle', ['ticket_id']) }} as cycle_id,
        ticket_id,
        jira_project_key,
        delivery_stream_id,
        tech_stream_ids,
        ticket_type,
        story_points,
        created_at,
        first_in_progress,
        completed_at,
        -- A completion dated before the creation has no lead time; quality.triage names it.
        case when completed_at >= created_at then lead_time_days end as lead_time_days,
        case when first_in_progress is not null then cycle_time_days end as cycle_time_days,
        case when first_in_progress is not null then active_time_days end as active_time_days,
        case when first_in_progress is not null then wait_time_days end as wait_time_days,
        case
            when first_in_progress is not null and cycle_time_days > 0
                then trim_scale(round(active_time_days / cycle_time_days * 100, 4))
        end as flow_efficiency_pct,
        stage_durations,
        case when first_in_progress is not null then blocked_days end as blocked_days,
        is_reopened,
        sprint_id
    from measured
)

select * from final
