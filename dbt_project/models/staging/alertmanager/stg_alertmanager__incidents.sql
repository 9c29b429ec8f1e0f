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
        payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'alertmanager'
        and event_name in ('firing', 'resolved')
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        told.position,
        alert.status,
        alert.fingerprint,
        lower(alert.labels ->> 'severity') as severity_label,
        coalesce(
            nullif(alert.labels ->> 'service_name', ''), nullif(alert.labels ->> 'service', ''),
            nullif(alert.labels ->> 'app', ''), nullif(alert.labels ->> 'job', ''), ''
        ) as service_name,
        {{ incident_severity("alert.labels ->> 'severity'") }} as severity,
        coalesce(
            nullif(alert.annotations ->> 'summary', ''), nullif(alert.annotations ->> 'description', ''),
            alert.labels ->> 'alertname'
        ) as description,
        {{ safe_timestamp('alert."startsAt"') }} as started_at,
        {{ safe_timestamp('alert."endsAt"') }} as ended_at
    from deliveries
    cross join
        lateral jsonb_path_query(deliveries.payload, '$.alerts[*] ? (@.type() == "object")')
            with ordinality as told (alert, position)
    cross join
        lateral jsonb_to_record(told.alert)
            as alert (
                status text, fingerprint text, labels jsonb, annotations jsonb, "startsAt" text, "endsAt" text
            )
),

-- An alert of severity none says of itself that nothing is wrong: the watchdog fires for as long as all is well.
alarms as (
    select *
    from parsed
    where
        fingerprint is not null
        and started_at is not null
        and status in ('firing', 'resolved')
        and severity_label is distinct from 'none'
),

final as (
    select
        'monitoring' as source,
        {{ delivery_key('alarms.landing_id') }} || '#' || alarms.position as observation_key,
        alarms.landing_id,
        alarms.received_at,
        -- The same alert fires again and again; each time it starts at another instant.
        alarms.fingerprint || '@' || to_char(alarms.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            as incident_id,
        case alarms.status when 'firing' then 'alarm_triggered' else 'alarm_resolved' end as event_type,
        alarms.service_name,
        alarms.severity,
        alarms.description,
        case
            when alarms.status = 'firing' then alarms.started_at
            -- The year 1 stands for an end that is not known.
            when alarms.ended_at >= alarms.started_at then alarms.ended_at
            else alarms.received_at
        end as occurred_at,
        null::text as repo_full_name,
        null::text as related_deploy_id,
        null::text as related_incident_id,
        null::text as ticket_id,
        revision.revision
    from alarms
    cross join revision
)

select * from final
