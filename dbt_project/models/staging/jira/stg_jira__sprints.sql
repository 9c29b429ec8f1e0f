{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='jira_sprint_id',
    meta={'touched': 'all_known_sprints', 'touched_key': 'jira_sprint_id', 'volatile': ['revision']},
    indexes=[
        {'columns': ['jira_sprint_id'], 'unique': true},
        {'columns': ['revision']},
    ],
    post_hook="{{ finish_table() }}",
) }}

-- There are few sprints, so all are looked at in every build, and only those that changed are written.
with heard as (
    select
        jira_sprint_id,
        event_at as said_at,
        delivery_id as tie_break,
        event_name = 'sprint_deleted' as is_deletion,
        name,
        state,
        goal,
        board_id,
        starts_at,
        ends_at,
        completed_at
    from {{ ref('stg_jira__sprint_events') }}
),

fetched as (
    select
        id as jira_sprint_id,
        coalesce({{ load_time('_dlt_load_id') }}, '-infinity'::timestamptz) as said_at,
        '' as tie_break,
        lower(state) = 'deleted' as is_deletion,
        name,
        case when lower(state) in ('future', 'active', 'closed') then lower(state) end as state,
        goal,
        board_id,
        starts_at,
        ends_at,
        completed_at
    from {{ source('raw_jira', 'sprints') }}
),

said as (
    select * from heard
    union all
    select * from fetched
),

told as (
    select
        jira_sprint_id,
        {{ first_of('name', 'said_at desc, tie_break collate "C" desc') }} as name,
        {{ first_of('state', 'said_at desc, tie_break collate "C" desc') }} as state,
        {{ first_of('goal', 'said_at desc, tie_break collate "C" desc') }} as goal,
        {{ first_of('board_id', 'said_at desc, tie_break collate "C" desc') }} as board_id,
        {{ first_of('starts_at', 'said_at desc, tie_break collate "C" desc') }} as starts_at,
        {{ first_of('ends_at', 'said_at desc, tie_break collate "C" desc') }} as ends_at,
        {{ first_of('completed_at', 'said_at desc, tie_break collate "C" desc') }} as completed_at,
        {{ first_of('is_deletion', 'said_at desc, tie_break collate "C" desc') }} as is_deleted
    from said
    group by jira_sprint_id
),

registered as (
    select
        sprint_id,
        jira_sprint_id,
        delivery_stream_id,
        name,
        state,
        goal,
        {{ day_starts_at('start_date') }} as starts_at,
        {{ day_starts_at('end_date + 1') }} as ends_at
    from {{ source('config', 'sprints') }}
),

combined as (
    select
        coalesce(told.jira_sprint_id, registered.jira_sprint_id) as jira_sprint_id,
        registered.sprint_id,
        registered.delivery_stream_id,
        told.board_id,
        coalesce(told.name, registered.name) as name,
        coalesce(told.goal, registered.goal) as goal,
        coalesce(told.state, registered.state) as state,
        coalesce(told.starts_at, registered.starts_at) as starts_at,
        coalesce(told.ends_at, registered.ends_at) as ends_at,
        told.completed_at,
        coalesce(told.is_deleted, false) as is_deleted
    from told
    full outer join registered on told.jira_sprint_id = registered.jira_sprint_id
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        combined.jira_sprint_id,
        revision.revision,
        coalesce(combined.sprint_id, {{ event_id('sprint', ['combined.jira_sprint_id']) }}) as sprint_id,
        combined.delivery_stream_id,
        combined.board_id,
        combined.name,
        combined.goal,
        combined.state,
        case when coalesce(combined.state, '') <> 'future' then combined.starts_at end as starts_at,
        combined.ends_at,
        -- Of a sprint with dates alone, nobody says that it was closed: it ends with its last day.
        case
            when combined.state = 'closed' then coalesce(combined.completed_at, combined.ends_at, combined.starts_at)
            when combined.state is null then coalesce(combined.completed_at, combined.ends_at)
        end as closed_at,
        combined.is_deleted
    from combined
    cross join revision
)

select * from final
