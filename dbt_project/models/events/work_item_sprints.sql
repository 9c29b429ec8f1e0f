{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['ticket_id', 'jira_sprint_id', 'entered_at'],
    meta={'touched': 'touched_memberships', 'touched_key': 'ticket_id'},
    indexes=[{'columns': ['jira_sprint_id']}],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build(unique=['(ticket_id, jira_sprint_id, entered_at)']) }}",
) }}

with tickets as (
    select *
    from {{ ref('work_item_attributes') }}
    {%- if not execute or is_incremental() %}
    where ticket_id in (select touched.ticket_id from ({{ touched_memberships() }}) as touched)
    {%- endif %}
),

keys as (
    select ticket_id, ticket_id as key
    from tickets
    union all
    select tickets.ticket_id, former.key
    from tickets
    cross join lateral unnest(tickets.former_ticket_ids) as former (key)
),

deliveries as (
    select
        keys.ticket_id as current_ticket_id,
        webhooks.event_name,
        webhooks.event_at,
        webhooks.delivery_id,
        webhooks.history_id,
        webhooks.jira_sprint_ids,
        webhooks.sprints_from,
        webhooks.sprints_to
    from keys
    inner join {{ ref('stg_jira__issue_events') }} as webhooks on keys.key = webhooks.ticket_id
    where
        webhooks.event_name <> 'jira:issue_deleted'
        and (webhooks.jira_sprint_ids is not null or webhooks.sprints_to is not null)
),

told as (
    select current_ticket_id as ticket_id, event_at, history_id, sprints_from, sprints_to
    from deliveries
    where sprints_to is not null
    union all
    select keys.ticket_id, changes.changed_at, changes.history_id, changes.sprints_from, changes.sprints_to
    from keys
    inner join {{ ref('stg_jira__issue_changes') }} as changes on keys.key = changes.ticket_id
    where changes.sprints_to is not null
),

-- One change heard twice, by webhook and by fetch, is one.
changes as (
    select
        ticket_id,
        min(event_at) as changed_at,
        coalesce({{ safe_integer('history_id') }}, 0) as history_number,
        sprints_from,
        sprints_to
    from told
    group by
        ticket_id,
        history_id,
        case when history_id is null then event_at end,
        sprints_from,
        sprints_to
),

spans as (
    select
        ticket_id,
        max(changed_at) as last_change_at,
        {{ first_of('sprints_from', 'changed_at, history_number') }} as first_sprints,
        {{ first_of('sprints_to', 'changed_at desc, history_number desc') }} as last_sprints
    from changes
    group by ticket_id
),

creations as (
    select distinct on (current_ticket_id) current_ticket_id as ticket_id, jira_sprint_ids
    from deliveries
    where event_name = 'jira:issue_created'
    order by current_ticket_id, event_at, delivery_id collate "C"
),

-- What the ticket was born into: told by the first change, by the creation's delivery, or by a changelog in which no
-- sprint ever changed. Where neither its creation nor its whole changelog is known, its first entry is inferred.
beginnings as (
    select
        tickets.ticket_id,
        tickets.created_at,
        tickets.snapshot_at,
        tickets.deleted_at,
        tickets.jira_sprint_ids,
        spans.last_change_at,
        fetched.has_changelog is true or creations.ticket_id is not null as is_whole,
        fetched.has_changelog is true and spans.ticket_id is null as is_without_change,
        coalesce(
            {{ split_sprints('spans.first_sprints') }},
            creations.jira_sprint_ids,
            case when fetched.has_changelog then tickets.jira_sprint_ids end,
            '{}'
        ) as first_sprints,
        {{ split_sprints('spans.last_sprints') }} as last_sprints
    from tickets
    left join spans on tickets.ticket_id = spans.ticket_id
    left join creations on tickets.ticket_id = creations.ticket_id
    left join {{ ref('stg_jira__issues') }} as fetched on tickets.issue_id = fetched.issue_id
),

-- What nobody told and the newest snapshot shows, since the first delivery that showed it.
missed as (
    select
        beginnings.ticket_id,
        beginnings.jira_sprint_ids,
        greatest(
            least(beginnings.snapshot_at, min(deliveries.event_at)),
            beginnings.last_change_at,
            beginnings.created_at
        ) as changed_at
    from beginnings
    left join deliveries
        on
            beginnings.ticket_id = deliveries.current_ticket_id
            and beginnings.jira_sprint_ids @> deliveries.jira_sprint_ids
            and beginnings.jira_sprint_ids <@ deliveries.jira_sprint_ids
            and deliveries.event_at >= coalesce(beginnings.last_change_at, deliveries.event_at)
    where
        not (
            beginnings.jira_sprint_ids @> coalesce(beginnings.last_sprints, beginnings.first_sprints)
            and beginnings.jira_sprint_ids <@ coalesce(beginnings.last_sprints, beginnings.first_sprints)
        )
    group by
        beginnings.ticket_id,
        beginnings.jira_sprint_ids,
        beginnings.snapshot_at,
        beginnings.last_change_at,
        beginnings.created_at
),

all_states as (
    select ticket_id, created_at as changed_at, -1 as place, first_sprints as sprints, not is_whole as is_inferred
    from beginnings
    union all
    select ticket_id, changed_at, history_number, {{ split_sprints('sprints_to') }}, false
    from changes
    union all
    select ticket_id, changed_at, 9223372036854775806, jira_sprint_ids, true
    from missed
    union all
    -- A deleted ticket is in no sprint.
    select ticket_id, deleted_at, 9223372036854775807, '{}', false
    from beginnings
    where deleted_at is not null
),

-- Of two changes at one instant the last counts. A change dated before the creation does not make the ticket older.
states as (
    select distinct on (ticket_id, changed_at) ticket_id, changed_at, place, sprints, is_inferred
    from all_states
    order by ticket_id, changed_at, place desc
),

mentioned as (
    select distinct states.ticket_id, listed.jira_sprint_id
    from states
    cross join lateral unnest(states.sprints) as listed (jira_sprint_id)
),

last_states as (
    select distinct on (ticket_id) ticket_id, changed_at, sprints
    from states
    order by ticket_id, changed_at desc
),

polled as (
    select
        keys.ticket_id,
        seen.jira_sprint_id,
        bool_or(seen.is_member) as is_member,
        max(seen.observed_at) as observed_at
    from keys
    inner join {{ ref('stg_jira__sprint_issues') }} as seen on keys.key = seen.ticket_id
    group by keys.ticket_id, seen.jira_sprint_id
),

-- The poll corrects the ledger where it saw something else after all that is known. A ticket whose whole changelog
-- names no sprint was born into it; any other came in by its last change.
corrections as (
    select
        polled.ticket_id,
        polled.jira_sprint_id,
        case
            when not polled.is_member then polled.observed_at
            when beginnings.is_without_change then beginnings.created_at
            else greatest(least(polled.observed_at, beginnings.snapshot_at), last_states.changed_at)
        end as changed_at,
        polled.is_member as is_in
    from polled
    inner join beginnings on polled.ticket_id = beginnings.ticket_id
    inner join last_states on polled.ticket_id = last_states.ticket_id
    where
        last_states.changed_at <= polled.observed_at
        and polled.is_member <> (polled.jira_sprint_id = any(last_states.sprints))
        and beginnings.deleted_at is null
),

steps as (
    select
        states.ticket_id,
        mentioned.jira_sprint_id,
        states.changed_at,
        mentioned.jira_sprint_id = any(states.sprints) as is_in,
        states.is_inferred
    from states
    inner join mentioned on states.ticket_id = mentioned.ticket_id
    where
        not exists (
            select 1
            from corrections
            where
                corrections.ticket_id = states.ticket_id
                and corrections.jira_sprint_id = mentioned.jira_sprint_id
                and corrections.changed_at = states.changed_at
        )
    union all
    select ticket_id, jira_sprint_id, changed_at, is_in, true
    from corrections
),

turns as (
    select
        *,
        coalesce(lag(is_in) over (partition by ticket_id, jira_sprint_id order by changed_at), false) as was_in
    from steps
),

bounded as (
    select
        ticket_id,
        jira_sprint_id,
        changed_at as entered_at,
        lead(changed_at) over (partition by ticket_id, jira_sprint_id order by changed_at) as left_at,
        is_in,
        is_inferred
    from turns
    where is_in <> was_in
),

final as (
    select ticket_id, jira_sprint_id, entered_at, left_at, is_inferred
    from bounded
    where is_in
)

select * from final
