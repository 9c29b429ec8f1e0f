{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['landing_id'], 'unique': true},
        {'columns': ['pull_request_key']},
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
        source = 'bitbucket'
        and event_name in ('pullrequest:created', 'pullrequest:updated', 'pullrequest:fulfilled', 'pullrequest:rejected')
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        {{ bitbucket_delivery_columns(
            "case deliveries.event_name when 'pullrequest:created' then 'opened'"
            ~ " when 'pullrequest:updated' then 'edited' else 'closed' end"
        ) }},
        revision.revision
    from deliveries
    cross join revision
    {{ bitbucket_delivery_laterals() }}
    where {{ is_bitbucket_observation() }}
)

select * from final
