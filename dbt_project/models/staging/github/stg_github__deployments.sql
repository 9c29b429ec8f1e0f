{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['landing_id'], 'unique': true},
        {'columns': ['pipeline_run_id']},
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
        and event_name = 'deployment'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        delivery.installation ->> 'id' as installation_id,
        repository.full_name as repo_full_name,
        repository.default_branch,
        delivery.deployment
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as delivery (action text, installation jsonb, repository jsonb, deployment jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.repository') }})
            as repository (full_name text, default_branch text)
),

final as (
    select
        {{ delivery_key('parsed.landing_id') }} as observation_key,
        parsed.landing_id,
        parsed.received_at,
        {{ github_deployment_columns('parsed.default_branch', 'parsed.received_at') }},
        parsed.repo_full_name,
        parsed.installation_id,
        revision.revision
    from parsed
    cross join revision
    {{ github_deployment_laterals('parsed.deployment', "'{}'::jsonb") }}
    where parsed.repo_full_name is not null and {{ is_github_deployment_event() }}
)

select * from final
