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
        source = 'gitlab'
        and event_name = 'Pipeline Hook'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        {{ delivery_key() }} as observation_key,
        deliveries.landing_id,
        deliveries.received_at,
        {{ gitlab_pipeline_columns('deliveries.received_at') }},
        project.path_with_namespace as repo_full_name,
        revision.revision
    from deliveries
    cross join revision
    cross join lateral jsonb_to_record({{ json_object('deliveries.payload') }})
        as delivery (project jsonb, object_attributes jsonb)
    cross join lateral jsonb_to_record({{ json_object('delivery.project') }})
        as project (path_with_namespace text)
    {{ gitlab_pipeline_lateral('delivery.object_attributes') }}
    where project.path_with_namespace is not null and {{ is_gitlab_build() }}
)

select * from final
