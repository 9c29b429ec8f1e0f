with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where source = 'push' and event_name = 'incident'
),

final as (
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
    where incident.incident_id is not null and incident.event_type is not null
)

select * from final
