{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='pagerduty_incident_id',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['pagerduty_incident_id']},
        {'columns': ['incident_id']},
        {'columns': ['landing_id']},
        {'columns': ['revision']},
    ],
) }}

with all_deliveries as (
    select
        landing_id,
        received_at,
        event_name,
        payload,
        payload #>> '{event,data,id}' as pagerduty_incident_id
    from {{ source('landing', 'raw_events') }}
    where
        source = 'pagerduty'
        and event_name in ('incident.triggered', 'incident.reopened', 'incident.resolved')
),

-- A reopening that comes late moves the ends behind it, so an incident is read as a whole.
deliveries as (
    select *
    from all_deliveries
    where
        pagerduty_incident_id is not null
        {%- if is_incremental() %}
        and pagerduty_incident_id in (
            select pagerduty_incident_id
            from all_deliveries
            where landing_id > (select coalesce(max(landing_id), 0) from {{ this }})
        )
        {%- endif %}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        deliveries.event_name,
        deliveries.pagerduty_incident_id,
        incident.title,
        incident.service ->> 'summary' as service_name,
        {{ incident_severity("incident.priority ->> 'summary'", 'incident.urgency') }} as severity,
        coalesce({{ safe_timestamp('event.occurred_at') }}, deliveries.received_at) as occurred_at
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object("deliveries.payload -> 'event'") }})
            as event (occurred_at text, data jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('event.data') }})
            as incident (title text, service jsonb, priority jsonb, urgency text)
),

-- After a reopening the incident starts anew; it names the first one, so both are one outage.
numbered as (
    select
        *,
        count(*) filter (where event_name = 'incident.reopened') over (
            partition by pagerduty_incident_id
            order by occurred_at, landing_id
        ) as reopenings
    from parsed
),

final as (
    select
        'monitoring' as source,
        {{ delivery_key('numbered.landing_id') }} as observation_key,
        numbered.landing_id,
        numbered.received_at,
        numbered.pagerduty_incident_id
        || case when numbered.reopenings > 0 then '#' || numbered.reopenings + 1 else '' end as incident_id,
        case numbered.event_name when 'incident.resolved' then 'incident_resolved' else 'incident_opened' end
            as event_type,
        coalesce(numbered.service_name, '') as service_name,
        numbered.severity,
        numbered.title as description,
        numbered.occurred_at,
        null::text as repo_full_name,
        null::text as related_deploy_id,
        case when numbered.reopenings > 0 then numbered.pagerduty_incident_id end as related_incident_id,
        null::text as ticket_id,
        revision.revision,
        numbered.pagerduty_incident_id
    from numbered
    cross join revision
)

select * from final
