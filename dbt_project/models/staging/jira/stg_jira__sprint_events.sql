{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['landing_id'], 'unique': true},
        {'columns': ['jira_sprint_id']},
    ],
    post_hook="{{ finish_table() }}",
) }}

with deliveries as (
    select
        landing_id,
        received_at,
        event_name,
        delivery_id,
        {{ json_object('payload') }} as payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'jira'
        and event_name in ('sprint_created', 'sprint_updated', 'sprint_started', 'sprint_closed', 'sprint_deleted')
        {{- landed_since_last_build() }}
),

parsed as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        deliveries.event_name,
        deliveries.delivery_id,
        {{ safe_epoch_milliseconds('delivery.timestamp') }} as sent_at,
        sprint.*
    from deliveries
    cross join lateral jsonb_to_record(deliveries.payload) as delivery ("timestamp" text, sprint jsonb)
    cross join lateral jsonb_to_record({{ json_object('delivery.sprint') }}) as sprint (
        id text, name text, state text, goal text, "originBoardId" text, "startDate" text, "endDate" text,
        "completeDate" text
    )
    where sprint.id is not null
),

final as (
    select
        landing_id,
        received_at,
        event_name,
        delivery_id,
        id as jira_sprint_id,
        coalesce(sent_at, received_at) as event_at,
        nullif(name, '') as name,
        nullif(goal, '') as goal,
        "originBoardId" as board_id,
        case
            when event_name = 'sprint_started' then 'active'
            when event_name = 'sprint_closed' then 'closed'
            when lower(state) in ('future', 'active', 'closed') then lower(state)
        end as state,
        coalesce(
            {{ safe_timestamp('"startDate"') }}, case when event_name = 'sprint_started' then sent_at end
        ) as starts_at,
        {{ safe_timestamp('"endDate"') }} as ends_at,
        coalesce(
            {{ safe_timestamp('"completeDate"') }}, case when event_name = 'sprint_closed' then sent_at end
        ) as completed_at
    from parsed
)

select * from final
