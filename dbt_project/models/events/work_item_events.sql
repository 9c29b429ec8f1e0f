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
    post_hook="{{ end_build(
        unique=['(ticket_id, event_type, event_timestamp) nulls not distinct'],
        indexes=['(event_timestamp) where blocking_tech_stream_id is not null'],
    ) }}",
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
        row_number() over sequence as step
    from stage_changes
    window sequence as (partition by ticket_id order by is_creation desc, changed_at)
),

-- At which step the last status and the last resolution so far were told.
reached as (
    select
        *,
        max(step) filter (where status_to is not null or is_creation) over sequence as status_step,
        max(step) filter (where resolution_to is not null) over sequence as resolution_step
    from numbered
    window sequence as (
        partition by ticket_id order by is_creation desc, changed_at rows unbounded preceding
    )
),

carried as (
    select
        ticket_id,
        changed_at,
        is_creation,
        status_to,
        resolution_to,
        landing_id,
        is_inferred,
        nth_value(status_to, status_step::integer) over sequence as status,
        nth_value(pipeline_stage, status_step::integer) over sequence as status_stage,
        nth_value(is_active_work, status_step::integer) over sequence as is_active_status,
        coalesce(nth_value(resolution_to, resolution_step::integer) over sequence, '') <> '' as is_resolved
    from reached
    window sequence as (
        partition by ticket_id order by is_creation desc, changed_at rows unbounded preceding
    )
),

judged as (
    select
        *,
        case
            when status_stage = 'done' then true
            -- Cancelled work is never completed, whatever resolution it got.
            when status_stage = 'cancelled' then false
            when resolution_to is not null then resolution_to <> ''
            -- A status that is not done reopens; of an unmapped one we only know the resolution.
            when status_stage is null then is_resolved
            else false
        end as is_done
    from carried
),

followed as (
    select
        *,
        case when is_done then 'done' else status_stage end as stage,
        coalesce(lag(is_done) over sequence, false) as was_done,
        lag(case when is_done then 'done' else status_stage end) over sequence as stage_before,
        lag(status) over sequence as status_before
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
        followed.status as to_status,
        case when followed.is_done then false else followed.is_active_status end as is_active_work,
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

flags as (
    select
        ticket_id,
        changed_at,
        flag_to,
        landing_id,
        is_inferred,
        lag(flag_to) over (partition by ticket_id order by changed_at) as flag_before
    from changes
    where flag_to is not null
),

-- Jira's own flag is the impediment, which blocks; flags that a site added to it are flags.
flag_events as (
    select
        ticket_id,
        case when flag_to = '' then 'un' else '' end
        || case
            when {{ is_impediment("coalesce(nullif(flag_to, ''), flag_before, '')") }} then 'blocked' else 'flagged'
        end as event_type,
        changed_at as event_timestamp,
        null::text as from_stage,
        null::text as to_stage,
        null::text as from_status,
        null::text as to_status,
        null::boolean as is_active_work,
        nullif(flag_to, '') as blocked_reason,
        landing_id,
        is_inferred
    from flags
),

events as (
    select * from stage_events
    union all
    select * from flag_events
),

-- Values that a fetched changelog shows before a change. Materialised, so that events meet them in one join.
former_values as materialized (
    select
        tickets.ticket_id,
        changes.changed_at,
        coalesce({{ safe_integer('changes.history_id') }}, 0) as history_number,
        changes.assignee_from,
        changes.priority_from,
        changes.labels_from,
        changes.story_points_from,
        changes.sprints_from,
        changes.blocking_tech_stream_from
    from tickets
    inner join {{ ref('stg_jira__issue_changes') }} as changes on tickets.issue_id = changes.issue_id
    where
        coalesce(
            changes.assignee_from, changes.priority_from, changes.labels_from, changes.story_points_from,
            changes.sprints_from, changes.blocking_tech_stream_from
        ) is not null
),

-- At an event that no delivery tells of, a value was what it was before its next change.
values_then as (
    select
        events.ticket_id,
        events.event_type,
        events.event_timestamp,
        {{ first_of('later.assignee_from', 'later.changed_at, later.history_number') }} as assignee_hash,
        {{ first_of('later.priority_from', 'later.changed_at, later.history_number') }} as priority,
        {{ first_of('later.labels_from', 'later.changed_at, later.history_number') }} as labels,
        {{ first_of('later.story_points_from', 'later.changed_at, later.history_number') }} as story_points,
        {{ first_of('later.sprints_from', 'later.changed_at, later.history_number') }} as sprints,
        {{ first_of('later.blocking_tech_stream_from', 'later.changed_at, later.history_number') }} as blocking_tech_stream
    from events
    inner join former_values as later
        on events.ticket_id = later.ticket_id and events.event_timestamp < later.changed_at
    where events.landing_id is null
    group by events.ticket_id, events.event_type, events.event_timestamp
),

-- As the event's own delivery showed the ticket; where there is none, as it is now without what changed since.
shown as (
    select
        events.*,
        heard.received_at,
        case
            when heard.landing_id is not null then heard.assignee_hash
            when then_was.assignee_hash is not null then nullif(then_was.assignee_hash, '')
            else tickets.assignee_hash
        end as assignee_hash,
        case
            when heard.landing_id is not null then heard.story_points
            when then_was.story_points is not null then {{ safe_number('then_was.story_points') }}
            else tickets.story_points
        end as story_points,
        case
            when heard.landing_id is not null then heard.priority
            when then_was.priority is not null then nullif(then_was.priority, '')
            else tickets.priority
        end as priority,
        case
            when heard.landing_id is not null then heard.jira_sprint_id
            when then_was.sprints is not null then substring(then_was.sprints from '(\d+)\D*$')
            else tickets.jira_sprint_id
        end as jira_sprint_id,
        case
            when heard.landing_id is not null then coalesce(heard.labels, '{}')
            when then_was.labels is not null then coalesce(string_to_array(nullif(then_was.labels, ''), ' '), '{}')
            else tickets.labels
        end as labels,
        case
            when heard.landing_id is not null then heard.blocking_tech_stream_value
            when then_was.blocking_tech_stream is not null then then_was.blocking_tech_stream
            else tickets.blocking_tech_stream_value
        end as blocking_tech_stream_value
    from events
    inner join tickets on events.ticket_id = tickets.ticket_id
    left join {{ ref('stg_jira__issue_events') }} as heard on events.landing_id = heard.landing_id
    left join values_then as then_was
        on
            events.ticket_id = then_was.ticket_id
            and events.event_type = then_was.event_type
            and events.event_timestamp = then_was.event_timestamp
),

final as (
    select
        {{ event_id('work_item', [
            'shown.ticket_id', 'shown.event_type', microseconds('shown.event_timestamp')
        ]) }} as event_id,
        'jira'::text as source,
        tickets.delivery_stream_id,
        case
            when cardinality(tickets.field_tech_stream_ids) = 1 then tickets.field_tech_stream_ids[1]
        end as tech_stream_id,
        shown.received_at,
        shown.event_timestamp,
        shown.event_type,
        shown.ticket_id,
        tickets.jira_project_key,
        tickets.ticket_type,
        shown.from_stage,
        shown.to_stage,
        shown.from_status,
        shown.to_status,
        shown.is_active_work,
        shown.assignee_hash,
        shown.story_points,
        shown.priority,
        sprints.sprint_id,
        shown.labels,
        shown.blocked_reason,
        blocking.stream_id as blocking_tech_stream_id,
        shown.is_inferred
    from shown
    inner join tickets on shown.ticket_id = tickets.ticket_id
    left join sprints on shown.jira_sprint_id = sprints.jira_sprint_id
    -- Asked of the events that show it alone: the comparison of names is not free.
    left join tech_stream_names as blocking
        on
            case
                when shown.event_type in ('blocked', 'flagged')
                    then {{ stream_key('shown.blocking_tech_stream_value') }}
            end = blocking.name
)

select * from final
