{{ config(materialized='table', indexes=[{'columns': ['incident_id']}, {'columns': ['revision']}]) }}

with tickets as (
    select * from {{ ref('stg_jira__mapped_fields_latest') }}
    where not is_deleted and production_impact is distinct from 'none'
),

deployments as (
    select
        named_ticket_id as ticket_id,
        event_timestamp as deployed_at
    from {{ ref('stg_jira__deployments') }}
    where environment = 'production' and event_type = 'deploy_completed'
),

-- A deployed ticket with an impact and no dates: its deployment did it, for nobody knows how long.
incidents as (
    select
        tickets.*,
        deployments.deployed_at,
        coalesce(
            tickets.incident_detected_at,
            case
                when tickets.production_impact is not null and tickets.incident_resolved_at is null
                    then deployments.deployed_at
            end
        ) as opened_at
    from tickets
    left join deployments on tickets.ticket_id = deployments.ticket_id
),

final as (
    select
        'jira' as source,
        'jira:' || incidents.issue_id || '/' || told.event_type as observation_key,
        null::bigint as landing_id,
        incidents.received_at,
        incidents.ticket_id as incident_id,
        told.event_type,
        '' as service_name,
        nullif(incidents.production_impact, 'unknown') as severity,
        null::text as description,
        told.occurred_at,
        null::text as repo_full_name,
        -- A ticket that was deployed before the incident began tells of both; one deployed later is the repair.
        case when incidents.deployed_at <= coalesce(incidents.opened_at, incidents.incident_resolved_at)
            then incidents.ticket_id
        end as related_deploy_id,
        null::text as related_incident_id,
        incidents.ticket_id,
        incidents.revision
    from incidents
    cross join lateral (
        values ('incident_opened', incidents.opened_at), ('incident_resolved', incidents.incident_resolved_at)
    ) as told (event_type, occurred_at)
    where told.occurred_at is not null
)

select * from final
