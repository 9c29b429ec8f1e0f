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
        payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'github'
        and event_name = 'pull_request'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        {{ github_delivery_columns() }}
    from deliveries
    {{ github_delivery_laterals() }}
),

-- Deliveries without repository or number are dead letters; the sink has listed them.
final as (
    select
        parsed.*,
        revision.revision
    from parsed
    cross join revision
    where parsed.pull_request_key is not null
)

select * from final
