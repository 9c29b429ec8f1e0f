{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='observation_key',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['pipeline_run_id']},
        {'columns': ['revision']},
    ],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with fetched as (
    select raw.*
    from {{ source('raw_gitlab', 'deployments') }} as raw
    {{- loaded_since_last_build(
        "known.repo_full_name = raw.repo_full_name and known.pipeline_run_id = raw.deployment_id"
    ) }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

told as (
    select
        fetched.*,
        deployment.status as last_status,
        deployment.environment ->> 'name' as environment_name,
        deployment.environment ->> 'tier' as environment_tier,
        deployment.sha,
        deployment.ref,
        {{ safe_number("deployment.deployable ->> 'duration'") }} as duration,
        coalesce(
            {{ gitlab_timestamp("deployment.deployable ->> 'started_at'") }},
            {{ gitlab_timestamp('deployment.created_at') }}
        ) as started_at,
        coalesce(
            {{ gitlab_timestamp("deployment.deployable ->> 'finished_at'") }}, date_trunc('second', fetched.updated_at)
        ) as ended_at
    from fetched
    cross join lateral jsonb_to_record({{ json_object('fetched.deployment') }})
        as deployment (status text, environment jsonb, sha text, ref text, deployable jsonb, created_at text)
),

-- What has ended has begun: deliveries tell of both.
happened as (
    select
        told.*,
        moment.status,
        moment.occurred_at,
        moment.place
    from told
    cross join lateral (
        values (1, 'running', told.started_at), (2, told.last_status, told.ended_at)
    ) as moment (place, status, occurred_at)
    where
        told.environment_name is not null
        and {{ gitlab_deployment_event('told.last_status') }} is not null
        and (moment.place = 1 or told.last_status <> 'running')
),

final as (
    select
        'gitlab' as source,
        'fetched:' || repo_full_name || '/deployment/' || deployment_id || '/' || place as observation_key,
        null::bigint as landing_id,
        fetched_at as received_at,
        occurred_at as event_timestamp,
        {{ gitlab_deployment_event('status') }} as event_type,
        'gitlab/deploy' as pipeline_id,
        deployment_id as pipeline_run_id,
        {{ gitlab_environment('environment_name', 'environment_tier') }} as environment,
        {{ gitlab_outcome('status') }} as status,
        case when place = 2 then round(duration)::integer end as duration_seconds,
        lower(nullif(sha, '')) as commit_sha,
        null::text as trigger_type,
        nullif(ref, default_branch) as artefact_version,
        null::text as failure_reason,
        repo_full_name,
        {{ names_nothing() }},
        revision.revision,
        _dlt_load_id
    from happened
    cross join revision
)

select * from final
