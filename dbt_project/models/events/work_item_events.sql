{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['ticket_id', 'event_type', 'event_timestamp'],
    meta={'touched': 'touched_tickets', 'touched_key': 'ticket_id'},
    indexes=[
        {'columns': ['delivery_stream_id', 'event_timestamp']},
        {'columns': ['to_stage', 'event_timestamp']},
    ],
    pre_hook="{{ begin_build(configuration_fingerprint(['status_mappings', 'tech_streams', 'sprints'])) }}",
    post_hook="{{ end_build(unique=['(ticket_id, event_type, event_timestamp) nulls not distinct']) }}",
) }}

with tickets as (
    select *
    from {{ ref('work_item_attributes') }}
    {{ where_touched() }}
),

changes as (
    select *
    from {{ ref('work_item_changes') }}
    {{ where_touched() }}
),

status_mappings as (
    select jira_project_key, jira_status_name, pipeline_stage, is_active_work
    from {{ source('config', 'status_mappings') }}
),

tech_stream_names as materialized (
    {{ stream_names('tech_streams') }}
),

sprints as (
    select jira_sprint_id, sprint_id
    from {{ source('config', 'sprints') }}
),

-- Flags move nothing through the stages.
stage_changes as (
    select
        changes.*,
        mapping.pipeline_stage,
        mapping.is_active_work
    from changes
    inner join tickets on changes.ticket_id = tickets.ticket_id
    left join status_mappings as mapping
        on tickets.jira_project_key = mapping.jira_project_key and changes.status_to = mapping.jira_status_name
    where changes.is_creation or changes.status_to is not null or changes.resolution_to is not null
),

-- The creation is the first step, whatever its clock says. One order for all windows: one sort.
numbered as (
    select
        *,
        lpad((row_number() over sequence)::text, 8, '0') as step_number
    from stage_changes
    window sequence as (partition by ticket_id order by is_creation desc, changed_at)
),

-- The last status and resolution so far: the greatest array is the one of the highest step.
carried as (
    select
        *,
        max(
            case
                when status_to is not null or is_creation
                    then array[step_number, status_to, pipeline_stage, is_active_work::text]
            end
        ) over sequence as status_state,
        coalesce(
            (max(case when resolution_to is not null then array[step_number, resolution_to] end) over sequence)[2], ''
        ) <> '' as is_resolved
    from numbered
    window sequence as (partition by ticket_id order by is_creation desc, changed_at)
),

judged as (
    select
        *,
        case
            when status_state[3] = 'done' then true
            -- Cancelled work is never completed, whatever resolution it got.
            when status_state[3] = 'cancelled' then false
            when resolution_to is not null then resolution_to <> ''
            -- A status that is not done reopens; of an unmapped one we only know the resolution.
            when status_state[3] is null then is_resolved
            else false
        end as is_done
    from carried
),

followed as (
    select
        *,
        case when is_done then 'done' else status_state[3] end as stage,
        coalesce(lag(is_done) over sequence, false) as was_done,
        lag(case when is_done then 'done' else status_state[3] end) over sequence as stage_before,
        lag(status_state[2]) over sequence as status_before
    from judged
    window sequence as (partition by ticket_id order by is_creation desc, changed_at)
),

stage_events as (
    select
        followed.ticket_id,
        emitted.event_type,
        followed.changed_at as event_timestamp,
        followed.stage_before as from_stage,
        followed.stage as to_stage,
        followed.status_before as from_status,
        followed.status_state[2] as to_status,
        case when followed.is_done then false else followed.status_state[4]::boolean end as is_active_work,
        null::text as blocked_reason,
        followed.landing_id,
        followed.is_inferred
    from followed
    inner join lateral (
        values
        ('created', followed.is_creation),
        (
            'transitioned',
            not followed.is_creation
            and (followed.status_to is not null or followed.was_done and not followed.is_done)
            -- An inferred completion names no path: it is one event.
            and not (followed.is_inferred and followed.is_done and not followed.was_done)
        ),
        ('completed', followed.is_done and not followed.was_done)
    ) as emitted (event_type, is_emitted) on emitted.is_emitted
),

flag_events as (
    select
        ticket_id,
        case when flag_to <> '' then 'blocked' else 'unblocked' end as event_type,
        changed_at as event_timestamp,
        null::text as from_stage,
        null::text as to_stage,
        null::text as from_status,
        null::text as to_status,
        null::boolean as is_active_work,
        nullif(flag_to, '') as blocked_reason,
        landing_id,
        is_inferred
    from changes
    where flag_to is not null
),

events as (
    select * from stage_events
    union all
    select * from flag_events
),

final as (
    select
        {{ event_id('work_item', [
            'events.ticket_id', 'events.event_type', microseconds('events.event_timestamp')
        ]) }} as event_id,
        'jira'::text as source,
        tickets.delivery_stream_id,
        case
            when cardinality(tickets.field_tech_stream_ids) = 1 then tickets.field_tech_stream_ids[1]
        end as tech_stream_id,
        heard.received_at,
        events.event_timestamp,
        events.event_type,
        events.ticket_id,
        tickets.jira_project_key,
        tickets.ticket_type,
        events.from_stage,
        events.to_stage,
        events.from_status,
        events.to_status,
        events.is_active_work,
        -- As the event's own delivery showed them; where there is none, as they are now.
        case when heard.landing_id is null then tickets.assignee_hash else heard.assignee_hash end as assignee_hash,
        case when heard.landing_id is null then tickets.story_points else heard.story_points end as story_points,
        case when heard.landing_id is null then tickets.priority else heard.priority end as priority,
        case when heard.landing_id is null then tickets.sprint_id else sprints.sprint_id end as sprint_id,
        case when heard.landing_id is null then tickets.labels else coalesce(heard.labels, '{}') end as labels,
        events.blocked_reason,
        case when events.event_type = 'blocked' then blocking.stream_id end as blocking_tech_stream_id,
        events.is_inferred
    from events
    inner join tickets on events.ticket_id = tickets.ticket_id
    left join {{ ref('stg_jira__issue_events') }} as heard on events.landing_id = heard.landing_id
    left join sprints on heard.jira_sprint_id = sprints.jira_sprint_id
    left join tech_stream_names as blocking
        on lower(trim(heard.blocking_tech_stream_value)) = blocking.name
)

select * from final
