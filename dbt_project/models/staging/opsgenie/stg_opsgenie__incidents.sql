{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['incident_id']},
        {'columns': ['landing_id']},
        {'columns': ['revision']},
    ],
) }}

with deliveries as (
    select
        landing_id,
        received_at,
        event_name,
        payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'opsgenie'
        and event_name in ('Create', 'Close', 'Delete')
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        deliveries.event_name,
        alert."alertId" as alert_id,
        alert.message,
        coalesce(
            nullif(alert.details ->> 'service_name', ''), nullif(alert.details ->> 'service', ''),
            nullif(alert.entity, ''), ''
        ) as service_name,
        {{ incident_severity('alert.priority') }} as severity,
        -- Opsgenie counts creation in milliseconds, and updates in nanoseconds.
        {{ safe_epoch_milliseconds('left(alert."createdAt", 13)') }} as created_at,
        {{ safe_epoch_milliseconds('left(alert."updatedAt", 13)') }} as updated_at
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object("deliveries.payload -> 'alert'") }})
            as alert (
                "alertId" text, message text, entity text, details jsonb, priority text, "createdAt" text,
                "updatedAt" text
            )
),

final as (
    select
        'monitoring' as source,
        {{ delivery_key('parsed.landing_id') }} as observation_key,
        parsed.landing_id,
        parsed.received_at,
        parsed.alert_id as incident_id,
        case parsed.event_name when 'Create' then 'alarm_triggered' else 'alarm_resolved' end as event_type,
        parsed.service_name,
        parsed.severity,
        parsed.message as description,
        coalesce(
            case parsed.event_name when 'Create' then parsed.created_at else parsed.updated_at end, parsed.received_at
        ) as occurred_at,
        null::text as repo_full_name,
        null::text as related_deploy_id,
        null::text as related_incident_id,
        null::text as ticket_id,
        revision.revision
    from parsed
    cross join revision
    where parsed.alert_id is not null
)

select * from final
