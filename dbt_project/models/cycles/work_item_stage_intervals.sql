{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['ticket_id', 'started_at'],
    meta={'touched': 'touched_tickets', 'touched_key': 'ticket_id'},
    indexes=[{'columns': ['stage', 'started_at']}],
    pre_hook="{{ begin_build(configuration_fingerprint(['holidays'])) }}",
    post_hook="{{ end_build(unique=['(ticket_id, started_at)']) }}",
) }}

with work_item_events as (
    select ticket_id, event_type, event_timestamp, event_id, to_stage, is_active_work
    from {{ ref('work_item_events') }}
    {{ where_touched() }}
),

business_calendar as (
    select * from {{ ref('business_calendar') }}
),

-- A creation dated after the first change of its ticket does not throw the ticket back to where it began.
ordered as (
    select
        ticket_id,
        event_type,
        event_timestamp,
        to_stage,
        is_active_work,
        row_number() over sequence as place,
        lead(event_timestamp) over sequence as next_event_at
    from work_item_events
    where event_type in ('created', 'transitioned', 'completed')
    window sequence as (
        partition by ticket_id order by event_timestamp, {{ event_type_rank('event_type') }}, event_id
    )
),

-- Of several events at one instant the last one tells where the ticket went.
entries as (
    select
        ticket_id,
        to_stage as stage,
        is_active_work,
        event_timestamp as entered_at,
        lag(to_stage) over sequence as stage_before,
        lag(is_active_work) over sequence as is_active_work_before,
        lag(ticket_id) over sequence is null as is_first
    from ordered
    where
        (event_type <> 'created' or place = 1)
        and next_event_at is distinct from event_timestamp
    window sequence as (partition by ticket_id order by event_timestamp)
),

-- Going from one status to another of the same stage and kind is no new stay: a workflow migration moves nothing.
stays as (
    select
        ticket_id,
        stage,
        is_active_work,
        entered_at as started_at,
        lead(entered_at) over (partition by ticket_id order by entered_at) as ended_at
    from entries
    where
        is_first
        or stage is distinct from stage_before
        or is_active_work is distinct from is_active_work_before
),

final as (
    select
        stays.ticket_id,
        stays.stage,
        stays.is_active_work,
        stays.started_at,
        stays.ended_at,
        {{ business_days(
            business_clock('stays.started_at', 'start_day'),
            business_clock('stays.ended_at', 'end_day')
        ) }} as business_days
    from stays
    left join business_calendar as start_day on start_day.day = {{ local_date('stays.started_at') }}
    left join business_calendar as end_day on end_day.day = {{ local_date('stays.ended_at') }}
)

select * from final
