{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='ticket_id',
    meta={'touched': 'touched_work_items', 'touched_key': 'ticket_id'},
    indexes=[
        {'columns': ['ticket_id'], 'unique': true},
        {'columns': ['delivery_stream_id', 'current_stage']},
    ],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with tickets as (
    select *
    from {{ ref('work_item_attributes') }}
    {{ where_touched(with_tech_streams=true) }}
),

tech_streams as (
    select *
    from {{ ref('work_item_tech_streams') }}
    {{ where_touched(with_tech_streams=true) }}
),

stays as (
    select *
    from {{ ref('work_item_stage_intervals') }}
    {{ where_touched(with_tech_streams=true) }}
),

work_item_events as (
    select *
    from {{ ref('work_item_events') }}
    {{ where_touched(with_tech_streams=true) }}
),

current_stays as (
    select ticket_id, stage, is_active_work, started_at
    from stays
    where ended_at is null
),

starts as (
    select
        ticket_id,
        min(started_at) filter (where {{ is_work_in_progress('stage') }} and is_active_work) as first_in_progress,
        min(started_at) filter (where {{ is_work_in_progress('stage') }}) as entered_pipeline_at
    from stays
    group by ticket_id
),

last_events as (
    select ticket_id, max(event_timestamp) as last_event_at
    from work_item_events
    group by ticket_id
),

blocks as (
    select distinct on (ticket_id)
        ticket_id,
        event_type in ('blocked', 'flagged') as is_blocked
    from work_item_events
    where event_type in ('blocked', 'flagged', 'unblocked', 'unflagged')
    order by ticket_id, event_timestamp desc, {{ event_type_rank('event_type') }} desc, event_id desc
),

final as (
    select
        tickets.ticket_id,
        tickets.jira_project_key,
        tickets.delivery_stream_id,
        coalesce(tech_streams.tech_stream_ids, '{}') as tech_stream_ids,
        tickets.ticket_type,
        tickets.story_points,
        tickets.sprint_id,
        tickets.created_at,
        starts.first_in_progress,
        starts.entered_pipeline_at,
        current_stays.stage as current_stage,
        current_stays.is_active_work,
        current_stays.started_at as entered_stage_at,
        coalesce(blocks.is_blocked, false) as is_blocked,
        coalesce(current_stays.stage = 'done', false) as is_done,
        coalesce(current_stays.stage = 'cancelled', false) as is_cancelled,
        tickets.is_deleted,
        tickets.is_out_of_scope,
        last_events.last_event_at
    from tickets
    left join tech_streams on tickets.ticket_id = tech_streams.ticket_id
    left join current_stays on tickets.ticket_id = current_stays.ticket_id
    left join starts on tickets.ticket_id = starts.ticket_id
    left join last_events on tickets.ticket_id = last_events.ticket_id
    left join blocks on tickets.ticket_id = blocks.ticket_id
)

select * from final
