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
        source = 'gitlab'
        and event_name = 'Merge Request Hook'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        {{ gitlab_delivery_columns(gitlab_action()) }},
        revision.revision
    from deliveries
    cross join revision
    {{ gitlab_delivery_laterals('delivery.object_attributes') }}
    where {{ is_gitlab_observation() }} and {{ gitlab_review_state() }} is null
)

select * from final
