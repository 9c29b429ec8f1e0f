{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='ticket_id',
    meta={'touched': 'touched_by_arrivals', 'touched_key': 'ticket_id'},
    indexes=[
        {'columns': ['ticket_id'], 'unique': true},
        {'columns': ['revision']},
        {'columns': ['linked_ticket_id']},
    ],
    pre_hook="{{ begin_build(configuration_fingerprint(
        ['delivery_streams', 'tech_streams', 'jira_projects', 'sprints', 'status_mappings']
    )) }}",
    post_hook="{{ end_build() }}",
) }}

with aliases as materialized (
    {{ ticket_aliases() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

{% if not execute or is_incremental() %}
touched as materialized (
    {{ touched_by_arrivals() }}
),

-- Keys under which rows of the touched tickets may lie.
touched_keys as materialized (
    select ticket_id from touched
    union
    select aliases.former_ticket_id
    from aliases
    inner join touched on aliases.ticket_id = touched.ticket_id
),
{% endif %}

webhooks as (
    select *
    from {{ ref('stg_jira__issue_events') }}
    {% if is_incremental() %}
    where ticket_id in (select touched_keys.ticket_id from touched_keys)
    {% endif %}
),

fetched as (
    select *
    from {{ ref('stg_jira__issues') }}
    {% if is_incremental() %}
    where ticket_id in (select touched_keys.ticket_id from touched_keys)
    {% endif %}
),

-- The order does not depend on the order of arrival: Jira's time, its history number, the delivery's own id.
snapshots as (
    select
        coalesce(aliases.ticket_id, webhooks.ticket_id) as ticket_id,
        webhooks.landing_id,
        null as issue_id,
        webhooks.issue_id as told_issue_id,
        webhooks.event_at,
        coalesce({{ safe_integer('webhooks.history_id') }}, 0) as history_number,
        webhooks.delivery_id as tie_break,
        webhooks.event_name = 'jira:issue_deleted' as is_deletion
    from webhooks
    left join aliases on webhooks.ticket_id = aliases.former_ticket_id
    union all
    select
        coalesce(aliases.ticket_id, fetched.ticket_id),
        null,
        fetched.issue_id,
        fetched.issue_id as told_issue_id,
        fetched.event_at,
        0,
        fetched.issue_id as tie_break,
        false as is_deletion
    from fetched
    left join aliases on fetched.ticket_id = aliases.former_ticket_id
),

newest as (
    select distinct on (ticket_id) *
    from snapshots
    order by ticket_id, event_at desc, is_deletion desc, history_number desc, tie_break collate "C" desc, landing_id
),

per_ticket as (
    select
        ticket_id,
        min(event_at) as first_seen_at,
        max(issue_id) as issue_id
    from snapshots
    group by ticket_id
),

-- What the reconciliation found when it last looked for a ticket, by its number or by its key.
looked_for as (
    select distinct on (found.ticket_id) found.ticket_id, found.state, found.observed_at
    from (
        select snapshots.ticket_id, tombstones.state, tombstones.observed_at
        from {{ ref('stg_jira__tombstones') }} as tombstones
        inner join snapshots on tombstones.issue_id = snapshots.told_issue_id
        union all
        select coalesce(aliases.ticket_id, tombstones.ticket_id), tombstones.state, tombstones.observed_at
        from {{ ref('stg_jira__tombstones') }} as tombstones
        left join aliases on tombstones.ticket_id = aliases.former_ticket_id
    ) as found
    order by found.ticket_id, found.observed_at desc, found.state
),

former_keys as (
    select ticket_id, array_agg(former_ticket_id order by former_ticket_id collate "C") as former_ticket_ids
    from aliases
    group by ticket_id
),

latest as (
    select
        newest.ticket_id,
        newest.is_deletion,
        webhooks.jira_project_key,
        {{ jira_snapshot('webhooks') }}
    from newest
    inner join webhooks on newest.landing_id = webhooks.landing_id
    union all
    select
        newest.ticket_id,
        false,
        fetched.jira_project_key,
        {{ jira_snapshot('fetched') }}
    from newest
    inner join fetched on newest.issue_id = fetched.issue_id
),

-- A delivery that does not carry a field says nothing about it: the last one that did counts.
known as (
    select
        latest.ticket_id,
        per_ticket.issue_id,
        former_keys.former_ticket_ids,
        latest.jira_project_key,
        -- A deletion, told or found, is final unless Jira spoke of the ticket again, later by its own clock, or it was
        -- seen again. One that left the query is no longer pulled: it keeps its history until Jira speaks of it again.
        case
            when looked_for.state = 'deleted' then true
            when looked_for.state = 'present' then false
            else latest.is_deletion
        end as is_deleted,
        case
            when looked_for.state = 'deleted' and not latest.is_deletion then looked_for.observed_at
            when coalesce(looked_for.state, '') <> 'present' and latest.is_deletion then latest.event_at
        end as deleted_at,
        coalesce(looked_for.state = 'out_of_scope', false) as is_out_of_scope,
        per_ticket.first_seen_at,
        latest.event_at as snapshot_at,
        latest.status_name,
        latest.status_id,
        latest.resolution_name,
        latest.resolved_at,
        latest.status_category_changed_at,
        latest.flag_name,
        latest.priority,
        latest.assignee_hash,
        nullif(latest.found_in_stage_value, '') as found_in_stage_value,
        nullif(latest.introduced_in_stage_value, '') as introduced_in_stage_value,
        nullif(latest.severity_value, '') as severity_value,
        nullif(latest.root_cause_value, '') as root_cause_value,
        nullif(latest.linked_ticket_id, '') as linked_ticket_id,
        latest.blocking_tech_stream_value,
        latest.jira_sprint_ids,
        coalesce(latest.created_at, {{ last_said('created_at') }}, per_ticket.first_seen_at) as created_at,
        coalesce(latest.ticket_type, {{ last_said('ticket_type') }}) as ticket_type,
        latest.story_points,
        nullif(coalesce(latest.jira_sprint_id, {{ last_said('jira_sprint_id') }}), '') as jira_sprint_id,
        coalesce(latest.labels, {{ last_said('labels') }}, '{}') as labels,
        coalesce(latest.components, {{ last_said('components') }}, '{}') as components,
        coalesce(latest.delivery_stream_value, {{ last_said('delivery_stream_value') }}) as delivery_stream_value,
        coalesce(latest.tech_stream_values, {{ last_said('tech_stream_values') }}, '{}') as tech_stream_values
    from latest
    inner join per_ticket on latest.ticket_id = per_ticket.ticket_id
    left join former_keys on latest.ticket_id = former_keys.ticket_id
    left join looked_for
        on latest.ticket_id = looked_for.ticket_id and latest.event_at <= looked_for.observed_at
),

stream_names as materialized (
    {{ stream_names('delivery_streams') }}
),

tech_stream_names as materialized (
    {{ stream_names('tech_streams') }}
),

active_streams as (
    select stream_id
    from {{ source('config', 'delivery_streams') }}
    where is_active
),

candidates as (
    select
        known.ticket_id,
        coalesce(projects.stream_methods, array['field', 'project', 'label', 'component']) as stream_methods,
        by_field.stream_id as by_field,
        by_project.stream_id as by_project,
        by_label.stream_id as by_label,
        by_component.stream_id as by_component
    from known
    left join {{ source('config', 'jira_projects') }} as projects
        on known.jira_project_key = projects.jira_project_key
    left join stream_names as by_field on {{ stream_key('known.delivery_stream_value') }} = by_field.name
    left join active_streams as by_project on projects.delivery_stream_id = by_project.stream_id
    left join lateral (
        {{ first_stream_named_in('known.labels') }}
    ) as by_label on true
    left join lateral (
        {{ first_stream_named_in('known.components') }}
    ) as by_component on true
),

-- The first method of the project's order that yields a known, active stream.
delivery_streams as (
    select
        candidates.ticket_id,
        chosen.stream_id as delivery_stream_id,
        chosen.method as delivery_stream_method
    from candidates
    cross join lateral (
        select yielded.stream_id, yielded.method
        from (
            values
            ('field', candidates.by_field),
            ('project', candidates.by_project),
            ('label', candidates.by_label),
            ('component', candidates.by_component)
        ) as yielded (method, stream_id)
        where yielded.stream_id is not null and yielded.method = any(candidates.stream_methods)
        order by array_position(candidates.stream_methods, yielded.method)
        limit 1
    ) as chosen
),

tech_streams as (
    select
        known.ticket_id,
        array_agg(distinct tech_stream_names.stream_id) as field_tech_stream_ids
    from known
    cross join lateral unnest(known.tech_stream_values) as named (name)
    inner join tech_stream_names on {{ stream_key('named.name') }} = tech_stream_names.name
    group by known.ticket_id
),

sprints as (
    select jira_sprint_id, sprint_id
    from {{ source('config', 'sprints') }}
),

final as (
    select
        known.ticket_id,
        revision.revision,
        known.issue_id,
        known.former_ticket_ids,
        known.jira_project_key,
        delivery_streams.delivery_stream_id,
        delivery_streams.delivery_stream_method,
        coalesce(tech_streams.field_tech_stream_ids, '{}') as field_tech_stream_ids,
        known.ticket_type,
        known.story_points,
        known.priority,
        known.assignee_hash,
        known.jira_sprint_id,
        known.jira_sprint_ids,
        sprints.sprint_id,
        known.labels,
        known.created_at,
        known.first_seen_at,
        known.is_deleted,
        known.deleted_at,
        known.is_out_of_scope,
        known.snapshot_at,
        known.status_name,
        known.status_id,
        known.resolution_name,
        known.resolved_at,
        known.status_category_changed_at,
        known.flag_name,
        known.found_in_stage_value,
        known.introduced_in_stage_value,
        known.severity_value,
        known.root_cause_value,
        known.linked_ticket_id,
        known.blocking_tech_stream_value,
        blocking.stream_id as blocking_tech_stream_id
    from known
    cross join revision
    left join delivery_streams on known.ticket_id = delivery_streams.ticket_id
    left join tech_streams on known.ticket_id = tech_streams.ticket_id
    left join sprints on known.jira_sprint_id = sprints.jira_sprint_id
    left join tech_stream_names as blocking on {{ stream_key('known.blocking_tech_stream_value') }} = blocking.name
)

select * from final
