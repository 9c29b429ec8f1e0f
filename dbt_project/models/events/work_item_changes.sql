{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['ticket_id', 'changed_at', 'is_creation'],
    meta={'touched': 'touched_tickets', 'touched_key': 'ticket_id'},
    pre_hook="{{ begin_build(configuration_fingerprint(['status_mappings'])) }}",
    post_hook="{{ end_build(unique=['(ticket_id, changed_at, is_creation)']) }}",
) }}

with tickets as (
    select *
    from {{ ref('work_item_attributes') }}
    {{ where_touched() }}
),

-- A ticket's deliveries may lie under a key that it had before it moved.
keys as (
    select ticket_id, ticket_id as key
    from tickets
    union all
    select tickets.ticket_id, former.key
    from tickets
    cross join lateral unnest(tickets.former_ticket_ids) as former (key)
),

deliveries as (
    select keys.ticket_id as current_ticket_id, webhooks.*
    from keys
    inner join {{ ref('stg_jira__issue_events') }} as webhooks on keys.key = webhooks.ticket_id
    where webhooks.event_name <> 'jira:issue_deleted'
),

status_mappings as (
    select jira_project_key, jira_status_name, pipeline_stage
    from {{ source('config', 'status_mappings') }}
),

heard_changes as (
    select
        current_ticket_id as ticket_id,
        landing_id,
        delivery_id as tie_break,
        event_at,
        history_id,
        -- From nothing to a first status is the creation, not a change.
        case when status_from <> '' then status_from end as status_from,
        case when status_from <> '' then status_to end as status_to,
        case when status_from <> '' then status_to_id end as status_to_id,
        resolution_to,
        flag_to
    from deliveries
    where status_to is not null or resolution_to is not null or flag_to is not null
    union all
    select
        keys.ticket_id,
        null,
        '',
        changes.changed_at,
        changes.history_id,
        case when changes.status_from <> '' then changes.status_from end,
        case when changes.status_from <> '' then changes.status_to end,
        case when changes.status_from <> '' then changes.status_to_id end,
        changes.resolution_to,
        changes.flag_to
    from keys
    inner join {{ ref('stg_jira__issue_changes') }} as changes on keys.key = changes.ticket_id
),

-- One change heard twice, by webhook and by fetch, is one; the fetched time is Jira's own and the earlier one.
changes as (
    select
        ticket_id,
        min(event_at) as changed_at,
        coalesce({{ safe_integer('history_id') }}, 0) as history_number,
        status_from,
        status_to,
        max(status_to_id) as status_to_id,
        resolution_to,
        flag_to,
        {{ first_of('landing_id', 'event_at, tie_break collate "C", landing_id') }} as landing_id
    from heard_changes
    where status_to is not null or resolution_to is not null or flag_to is not null
    group by
        ticket_id,
        history_id,
        case when history_id is null then event_at end,
        status_from,
        status_to,
        resolution_to,
        flag_to
),

last_known as (
    select
        ticket_id,
        max(changed_at) filter (where status_to is not null or resolution_to is not null) as last_change_at,
        max(changed_at) filter (where flag_to is not null) as last_flag_at,
        {{ first_of('status_to', 'changed_at desc, history_number desc') }} as status_name,
        {{ first_of(
            "coalesce(status_to_id, '')", 'changed_at desc, history_number desc', 'status_to is not null'
        ) }} as status_id,
        {{ first_of('resolution_to', 'changed_at desc, history_number desc') }} as resolution_name,
        {{ first_of('flag_to', 'changed_at desc, history_number desc') }} as flag_name,
        {{ first_of('status_from', 'changed_at, history_number') }} as first_status_name
    from changes
    group by ticket_id
),

creations as (
    select distinct on (current_ticket_id)
        current_ticket_id as ticket_id,
        landing_id,
        coalesce(nullif(status_to, ''), status_name) as status_name,
        coalesce(nullif(status_to_id, ''), status_id) as status_id
    from deliveries
    where event_name = 'jira:issue_created'
    order by current_ticket_id, event_at, delivery_id collate "C", landing_id
),

-- The first status is known from the creation's delivery or from a complete changelog, and else not guessed.
beginnings as (
    select
        tickets.ticket_id,
        creations.landing_id,
        coalesce(
            creations.status_name,
            case when fetched.has_changelog then coalesce(last_known.first_status_name, tickets.status_name) end
        ) as status_name,
        creations.status_id
    from tickets
    left join creations on tickets.ticket_id = creations.ticket_id
    left join {{ ref('stg_jira__issues') }} as fetched on tickets.issue_id = fetched.issue_id
    left join last_known on tickets.ticket_id = last_known.ticket_id
),

-- What the changes and the newest snapshot say, side by side.
compared as (
    select
        tickets.ticket_id,
        coalesce(last_known.status_name, beginnings.status_name) as status_heard,
        coalesce(last_known.status_id, beginnings.status_id) as status_id_heard,
        coalesce(last_known.resolution_name, '') <> '' as is_resolved_heard,
        coalesce(last_known.flag_name, '') <> '' as is_flagged_heard,
        tickets.status_name as status_shown,
        tickets.status_id as status_id_shown,
        case
            when tickets.resolution_name is not null then tickets.resolution_name <> ''
            when tickets.resolved_at is not null then true
        end as is_resolved_shown,
        tickets.flag_name <> '' as is_flagged_shown,
        coalesce(mapping.pipeline_stage = 'done', false) as is_done_shown,
        coalesce(nullif(tickets.resolution_name, ''), 'resolved') as resolution_shown,
        tickets.flag_name as flag_shown,
        last_known.last_change_at,
        last_known.last_flag_at,
        tickets.resolved_at,
        tickets.status_category_changed_at,
        tickets.snapshot_at
    from tickets
    inner join beginnings on tickets.ticket_id = beginnings.ticket_id
    left join last_known on tickets.ticket_id = last_known.ticket_id
    left join status_mappings as mapping
        on tickets.jira_project_key = mapping.jira_project_key and tickets.status_name = mapping.jira_status_name
),

-- What only the snapshot tells: issues fetched without changelog, deliveries that never came.
-- Changelogs and snapshots may name one status in two languages, hence the look at its id.
missed as (
    select
        *,
        (
            status_shown is distinct from status_heard
            and status_shown is not null
            and (status_id_shown = status_id_heard) is not true
        ) as is_status_missed,
        coalesce(is_flagged_shown <> is_flagged_heard, false) as is_flag_missed,
        (
            is_resolved_shown
            and not is_resolved_heard
            and (status_shown is distinct from status_heard or not is_done_shown)
        ) as is_resolution_missed,
        (not is_resolved_shown and is_resolved_heard) as is_clearing_missed
    from compared
),

first_shown as (
    select
        missed.ticket_id,
        least(
            missed.snapshot_at,
            min(deliveries.event_at) filter (
                where
                deliveries.status_name = missed.status_shown
                and deliveries.event_at >= coalesce(missed.last_change_at, deliveries.event_at)
            )
        ) as status_shown_at,
        least(
            missed.snapshot_at,
            min(deliveries.event_at) filter (
                where
                (deliveries.flag_name <> '') = missed.is_flagged_shown
                and deliveries.event_at >= coalesce(missed.last_flag_at, deliveries.event_at)
            )
        ) as flag_shown_at
    from missed
    left join deliveries on missed.ticket_id = deliveries.current_ticket_id
    where missed.is_status_missed or missed.is_resolution_missed or missed.is_clearing_missed or missed.is_flag_missed
    group by missed.ticket_id, missed.snapshot_at
),

-- A completion that nobody saw is dated by Jira's resolution date, else by its last change of status category,
-- else by the first time that we saw it done.
inferred_changes as (
    select
        missed.ticket_id,
        greatest(
            case
                when missed.is_resolution_missed or (missed.is_status_missed and missed.is_done_shown)
                    then coalesce(missed.resolved_at, missed.status_category_changed_at, first_shown.status_shown_at)
                else first_shown.status_shown_at
            end,
            missed.last_change_at
        ) as changed_at,
        case when missed.is_status_missed then missed.status_shown end as status_to,
        case
            when missed.is_resolution_missed then missed.resolution_shown
            when missed.is_clearing_missed then ''
        end as resolution_to,
        null::text as flag_to
    from missed
    inner join first_shown on missed.ticket_id = first_shown.ticket_id
    where missed.is_status_missed or missed.is_resolution_missed or missed.is_clearing_missed
    union all
    select missed.ticket_id, first_shown.flag_shown_at, null, null, missed.flag_shown
    from missed
    inner join first_shown on missed.ticket_id = first_shown.ticket_id
    where missed.is_flag_missed
),

all_changes as (
    select ticket_id, changed_at, history_number, status_to, resolution_to, flag_to, landing_id, false as is_inferred
    from changes
    union all
    -- Within an instant, the snapshot has the last word.
    select ticket_id, changed_at, 9223372036854775807, status_to, resolution_to, flag_to, null, true
    from inferred_changes
),

-- What happened at one instant is one row: status and resolution of one changelog, or two changes of one millisecond.
instants as (
    select
        ticket_id,
        changed_at,
        false as is_creation,
        {{ first_of('status_to', 'history_number desc, status_to collate "C" desc') }} as status_to,
        {{ first_of('resolution_to', 'history_number desc, resolution_to collate "C" desc') }} as resolution_to,
        {{ first_of('flag_to', 'history_number desc, flag_to collate "C" desc') }} as flag_to,
        max(landing_id) as landing_id,
        bool_and(is_inferred) as is_inferred
    from all_changes
    group by ticket_id, changed_at
),

creation_instants as (
    select
        tickets.ticket_id,
        tickets.created_at as changed_at,
        true as is_creation,
        beginnings.status_name as status_to,
        null::text as resolution_to,
        null::text as flag_to,
        beginnings.landing_id,
        false as is_inferred
    from tickets
    inner join beginnings on tickets.ticket_id = beginnings.ticket_id
),

final as (
    select * from creation_instants
    union all
    select * from instants
)

select * from final
