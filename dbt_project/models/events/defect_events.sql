{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['ticket_id', 'event_type', 'event_timestamp'],
    meta={'touched': 'touched_defects', 'touched_key': 'ticket_id'},
    indexes=[
        {'columns': ['delivery_stream_id', 'found_in_stage']},
        {'columns': ['tech_stream_id', 'event_timestamp']},
        {'columns': ['ticket_id', 'event_timestamp']},
    ],
    pre_hook="{{ begin_build(configuration_fingerprint(['status_mappings']) ~ \" || '\" ~ var('defect_type_pattern') ~ \"'\") }}",
    post_hook="{{ end_build(unique=['(ticket_id, event_type, event_timestamp) nulls not distinct']) }}",
) }}

with defects as (
    select *
    from {{ ref('work_item_attributes') }}
    where
        {{ is_defect('ticket_type') }}
        and not is_deleted
        {%- if not execute or is_incremental() %}
        and ticket_id in (select touched.ticket_id from ({{ touched_defects() }}) as touched)
        {%- endif %}
),

keys as (
    select ticket_id, ticket_id as key
    from defects
    union all
    select defects.ticket_id, former.key
    from defects
    cross join lateral unnest(defects.former_ticket_ids) as former (key)
),

deliveries as (
    select
        keys.ticket_id as current_ticket_id,
        webhooks.landing_id,
        webhooks.received_at,
        webhooks.delivery_id,
        webhooks.event_name,
        webhooks.event_at,
        webhooks.history_id,
        webhooks.introduced_from,
        webhooks.introduced_to,
        webhooks.introduced_in_stage_value
    from keys
    inner join {{ ref('stg_jira__issue_events') }} as webhooks on keys.key = webhooks.ticket_id
    where webhooks.event_name <> 'jira:issue_deleted'
),

-- A creation that names the origin at once is the first attribution, like a change of that moment.
creations as (
    select distinct on (current_ticket_id)
        current_ticket_id as ticket_id,
        received_at,
        coalesce(introduced_to, introduced_in_stage_value) as origin
    from deliveries
    where event_name = 'jira:issue_created'
    order by current_ticket_id, event_at, delivery_id collate "C", landing_id
),

told as (
    select current_ticket_id as ticket_id, event_at, received_at, history_id, introduced_from, introduced_to
    from deliveries
    where introduced_to is not null and event_name <> 'jira:issue_created'
    union all
    select keys.ticket_id, changes.changed_at, null, changes.history_id, changes.introduced_from, changes.introduced_to
    from keys
    inner join {{ ref('stg_jira__issue_changes') }} as changes on keys.key = changes.ticket_id
    where changes.introduced_to is not null
),

-- One change heard twice, by webhook and by fetch, is one.
changes as (
    select
        ticket_id,
        min(event_at) as changed_at,
        min(received_at) as received_at,
        coalesce({{ safe_integer('history_id') }}, 0) as history_number,
        introduced_from,
        introduced_to as origin
    from told
    group by
        ticket_id,
        history_id,
        case when history_id is null then event_at end,
        introduced_from,
        introduced_to
),

spans as (
    select
        ticket_id,
        max(changed_at) as last_change_at,
        {{ first_of('introduced_from', 'changed_at, history_number') }} as first_origin,
        {{ first_of('origin', 'changed_at desc, history_number desc') }} as last_origin
    from changes
    group by ticket_id
),

beginnings as (
    select
        defects.ticket_id,
        defects.created_at,
        defects.snapshot_at,
        coalesce(defects.introduced_in_stage_value, '') as origin_shown,
        spans.last_change_at,
        creations.received_at,
        coalesce(
            spans.first_origin,
            creations.origin,
            case when fetched.has_changelog then defects.introduced_in_stage_value end,
            ''
        ) as first_origin,
        spans.last_origin
    from defects
    left join spans on defects.ticket_id = spans.ticket_id
    left join creations on defects.ticket_id = creations.ticket_id
    left join {{ ref('stg_jira__issues') }} as fetched on defects.issue_id = fetched.issue_id
),

-- What nobody told and the newest snapshot shows, since the first delivery that showed it.
missed as (
    select
        beginnings.ticket_id,
        beginnings.origin_shown,
        greatest(
            least(beginnings.snapshot_at, min(deliveries.event_at)),
            beginnings.last_change_at,
            beginnings.created_at
        ) as changed_at
    from beginnings
    left join deliveries
        on
            beginnings.ticket_id = deliveries.current_ticket_id
            and beginnings.origin_shown = deliveries.introduced_in_stage_value
            and deliveries.event_at >= coalesce(beginnings.last_change_at, deliveries.event_at)
    where beginnings.origin_shown <> coalesce(beginnings.last_origin, beginnings.first_origin)
    group by
        beginnings.ticket_id,
        beginnings.origin_shown,
        beginnings.snapshot_at,
        beginnings.last_change_at,
        beginnings.created_at
),

all_origins as (
    select ticket_id, created_at as changed_at, received_at, -1 as place, first_origin as origin, false as is_inferred
    from beginnings
    union all
    select ticket_id, changed_at, received_at, history_number, origin, false
    from changes
    union all
    select ticket_id, changed_at, null, 9223372036854775807, origin_shown, true
    from missed
),

origins as (
    select distinct on (ticket_id, changed_at)
        ticket_id,
        changed_at,
        received_at,
        is_inferred,
        {{ stage_named('origin') }} as introduced_in_stage
    from all_origins
    order by ticket_id, changed_at, place desc
),

compared as (
    select
        *,
        lag(introduced_in_stage) over sequence as stage_before,
        -- Whether any origin was known before.
        coalesce(count(introduced_in_stage) over (
            partition by ticket_id order by changed_at rows between unbounded preceding and 1 preceding
        ), 0) > 0 as was_attributed
    from origins
    window sequence as (partition by ticket_id order by changed_at)
),

-- Logged once; attributed when an origin is first known; reclassified when another one, or none, takes its place.
happened as (
    select ticket_id, 'logged' as event_type, created_at as event_timestamp, received_at, null as introduced_in_stage,
        false as is_inferred
    from beginnings
    union all
    select
        ticket_id,
        case when was_attributed then 'reclassified' else 'attributed' end,
        changed_at,
        received_at,
        introduced_in_stage,
        is_inferred
    from compared
    where introduced_in_stage is distinct from stage_before
),

aliases as (
    {{ ticket_aliases() }}
),

linked as (
    select defects.ticket_id, coalesce(aliases.ticket_id, defects.linked_ticket_id) as linked_work_item_id
    from defects
    left join aliases on defects.linked_ticket_id = aliases.former_ticket_id
),

-- Where the linked ticket stood when the defect was logged. What was done had left the pipeline.
linked_stages as (
    select
        defects.ticket_id,
        case when stays.stage = 'done' then 'production' else stays.stage end as stage
    from defects
    inner join linked on defects.ticket_id = linked.ticket_id
    inner join {{ ref('work_item_stage_intervals') }} as stays
        on
            linked.linked_work_item_id = stays.ticket_id
            and stays.started_at <= defects.created_at
            and coalesce(stays.ended_at > defects.created_at, true)
    where coalesce(stays.stage <> 'cancelled', false)
),

final as (
    select
        {{ event_id('defect', [
            'happened.ticket_id', 'happened.event_type', microseconds('happened.event_timestamp')
        ]) }} as event_id,
        'jira'::text as source,
        defects.delivery_stream_id,
        case
            when cardinality(defects.field_tech_stream_ids) = 1 then defects.field_tech_stream_ids[1]
        end as tech_stream_id,
        happened.received_at,
        happened.event_timestamp,
        happened.event_type,
        happened.ticket_id,
        defects.jira_project_key,
        coalesce({{ severity_named('defects.severity_value') }}, {{ severity_named('defects.priority') }}) as severity,
        case
            when defects.found_in_stage_value is not null then {{ stage_named('defects.found_in_stage_value') }}
            else linked_stages.stage
        end as found_in_stage,
        case
            when defects.found_in_stage_value is not null then 'field'
            when linked_stages.stage is not null then 'linked_ticket'
        end as found_in_method,
        happened.introduced_in_stage,
        linked.linked_work_item_id,
        defects.root_cause_value as root_cause_category,
        happened.is_inferred,
        lead(happened.ticket_id) over (
            partition by happened.ticket_id
            order by happened.event_timestamp, (happened.event_type <> 'logged'), happened.event_type
        ) is null as is_current
    from happened
    inner join defects on happened.ticket_id = defects.ticket_id
    left join linked on defects.ticket_id = linked.ticket_id
    left join linked_stages on defects.ticket_id = linked_stages.ticket_id
)

select * from final
