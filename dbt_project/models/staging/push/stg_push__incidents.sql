{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['landing_id'], 'unique': true},
        {'columns': ['incident_id']},
        {'columns': ['revision']},
    ],
) }}

with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'push'
        and event_name = 'incident'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        incident.incident_id,
        lower(incident.event_type) as event_type,
        coalesce(incident.service_name, '') as service_name,
        lower(incident.severity) as severity,
        incident.description,
        coalesce({{ safe_timestamp('incident.occurred_at') }}, deliveries.received_at) as occurred_at,
        nullif(incident.repo_full_name, '') as repo_full_name,
        nullif(incident.related_deploy_id, '') as related_deploy_id,
        nullif(incident.related_incident_id, '') as related_incident_id,
        upper(nullif(incident.ticket_id, '')) as ticket_id
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as incident (
                incident_id text, event_type text, service_name text, severity text, description text, occurred_at text,
                repo_full_name text, related_deploy_id text, related_incident_id text, ticket_id text
            )
),

final as (
    select
        'monitoring' as source,
        {{ delivery_key('parsed.landing_id') }} as observation_key,
        parsed.landing_id,
        parsed.received_at,
        parsed.incident_id,
        parsed.event_type,
        parsed.service_name,
        case when parsed.severity in ('critical', 'high', 'medium', 'low') then parsed.severity end as severity,
        parsed.description,
        parsed.occurred_at,
        parsed.repo_full_name,
        parsed.related_deploy_id,
        parsed.related_incident_id,
        parsed.ticket_id,
        revision.revision
    from parsed
    cross join revision
    where
        parsed.incident_id is not null
        and parsed.event_type in ('alarm_triggered', 'alarm_resolved', 'incident_opened', 'incident_resolved')
)

select * from final
