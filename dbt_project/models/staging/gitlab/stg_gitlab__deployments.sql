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
        and event_name = 'Deployment Hook'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        'gitlab' as source,
        {{ delivery_key() }} as observation_key,
        deliveries.landing_id,
        deliveries.received_at,
        coalesce({{ gitlab_timestamp('deployment.status_changed_at') }}, deliveries.received_at) as event_timestamp,
        {{ gitlab_deployment_event('deployment.status') }} as event_type,
        'gitlab/deploy' as pipeline_id,
        deployment.deployment_id as pipeline_run_id,
        {{ gitlab_environment('deployment.environment', 'deployment.environment_tier') }} as environment,
        {{ gitlab_outcome('deployment.status') }} as status,
        -- The delivery of the end does not say when it began.
        null::integer as duration_seconds,
        lower(deployment.commit_sha) as commit_sha,
        null::text as trigger_type,
        -- A tag tells a version; the default branch tells none.
        nullif(deployment.ref, project.default_branch) as artefact_version,
        null::text as failure_reason,
        project.path_with_namespace as repo_full_name,
        {{ names_nothing() }},
        revision.revision
    from deliveries
    cross join revision
    cross join lateral jsonb_to_record({{ json_object('deliveries.payload') }})
        as deployment (
            project jsonb, deployment_id text, status text, status_changed_at text, environment text,
            environment_tier text, commit_sha text, ref text
        )
    cross join lateral jsonb_to_record({{ json_object('deployment.project') }})
        as project (path_with_namespace text, default_branch text)
    where
        project.path_with_namespace is not null
        and deployment.deployment_id is not null
        and deployment.environment is not null
        and {{ gitlab_deployment_event('deployment.status') }} is not null
)

select * from final
