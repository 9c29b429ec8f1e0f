{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='event_id',
    indexes=[
        {'columns': ['event_id'], 'unique': true},
        {'columns': ['incident_id']},
        {'columns': ['tech_stream_id', 'event_timestamp']},
        {'columns': ['related_deploy_id']},
    ],
    meta={'touched': 'touched_incident_events', 'touched_key': 'incident_id', 'volatile': ['revision']},
    pre_hook="{{ begin_build(configuration_fingerprint(['repositories']) ~ ' || ' ~ repository_names_fingerprint()) }}",
    post_hook="{{ end_build() }}",
) }}

with observations as (
    {{ union_of_sources(incident_sources(), incident_observation_columns()) }}
),

repositories as (
    {{- registered_repositories() }}
),

names as (
    select * from {{ ref('repository_names') }}
),

observed as (
    select
        {{ present_name('observations.repo_full_name') }} as present_full_name,
        observations.*
    from observations
    left join names on observations.repo_full_name = names.former_full_name
    {% if is_incremental() %}
    where observations.incident_id in ({{ touched_incident_events() }})
    {% endif %}
),

attributes as (
    select * from {{ ref('work_item_attributes') }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

-- What is told twice counts once: as it was first said to be.
arrived as (
    select distinct on (incident_id, event_type) *
    from observed
    order by incident_id, event_type, occurred_at, landing_id, observation_key
),

-- An alarm's end belongs to the alarm's start, an incident's to the incident's; else to what there is.
restored as (
    select
        ended.incident_id,
        ended.event_type,
        coalesce(
            max(started.occurred_at) filter (
                where split_part(started.event_type, '_', 1) = split_part(ended.event_type, '_', 1)
            ),
            min(started.occurred_at)
        ) as started_at
    from arrived as ended
    inner join arrived as started
        on ended.incident_id = started.incident_id and started.event_type in ('alarm_triggered', 'incident_opened')
    where ended.event_type in ('alarm_resolved', 'incident_resolved')
    group by ended.incident_id, ended.event_type
),

-- `ecs:payments-service` answers to both its names. Where several repositories do, the service is theirs in common.
services as (
    select distinct
        target.service_name,
        repositories.repo_id,
        repositories.tech_stream_id,
        repositories.present_full_name
    from repositories
    cross join
        lateral (
            values (lower(repositories.deploy_target)), (lower(substring(repositories.deploy_target from ':(.+)$')))
        ) as target (service_name)
    where target.service_name <> ''
),

service_owners as (
    select
        service_name,
        case when count(distinct repo_id) = 1 then min(repo_id::text)::uuid end as repo_id,
        case when count(distinct repo_id) = 1 then min(present_full_name) end as repo_full_name,
        case when count(distinct tech_stream_id) = 1 then min(tech_stream_id::text)::uuid end as tech_stream_id
    from services
    group by service_name
),

-- An incident that is a ticket has the ticket's streams; a former key stands for the present one.
tickets as (
    select distinct on (named.ticket_id)
        named.ticket_id,
        attributes.delivery_stream_id,
        case when cardinality(attributes.field_tech_stream_ids) = 1 then attributes.field_tech_stream_ids[1] end
            as tech_stream_id
    from attributes
    cross join lateral unnest(attributes.ticket_id || attributes.former_ticket_ids) as named (ticket_id)
    inner join arrived on named.ticket_id = arrived.incident_id and arrived.source = 'jira'
    order by named.ticket_id, (named.ticket_id = attributes.ticket_id) desc
),

final as (
    select
        {{ event_id('incident', ['arrived.incident_id', 'arrived.event_type']) }} as event_id,
        arrived.source,
        -- Nothing in another incident names a delivery stream; its deployment's changes do.
        tickets.delivery_stream_id,
        coalesce(named.tech_stream_id, service_owners.tech_stream_id, tickets.tech_stream_id) as tech_stream_id,
        arrived.received_at,
        arrived.occurred_at as event_timestamp,
        arrived.event_type,
        arrived.incident_id,
        arrived.service_name,
        arrived.severity,
        arrived.description,
        arrived.related_deploy_id,
        case when arrived.event_type in ('alarm_resolved', 'incident_resolved') then arrived.occurred_at end
            as resolved_at,
        -- An end before the start is an error of the source: no duration, and a line in the triage list.
        case
            when arrived.occurred_at >= restored.started_at
                then round(extract(epoch from arrived.occurred_at - restored.started_at) / 60)::integer
        end as time_to_restore_min,
        coalesce(named.repo_id, service_owners.repo_id) as repo_id,
        coalesce(arrived.present_full_name, service_owners.repo_full_name) as repo_full_name,
        arrived.related_incident_id,
        arrived.ticket_id,
        arrived.landing_id,
        revision.revision
    from arrived
    cross join revision
    left join restored
        on arrived.incident_id = restored.incident_id and arrived.event_type = restored.event_type
    left join repositories as named on lower(arrived.present_full_name) = lower(named.present_full_name)
    left join service_owners
        on named.repo_id is null and service_owners.service_name = lower(arrived.service_name)
    left join tickets on arrived.source = 'jira' and arrived.incident_id = tickets.ticket_id
)

select * from final
