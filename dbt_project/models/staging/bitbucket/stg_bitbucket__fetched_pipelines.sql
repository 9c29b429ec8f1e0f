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
    from {{ source('raw_bitbucket', 'pipelines') }} as raw
    {{- loaded_since_last_build(
        "known.repo_full_name = raw.repo_full_name and known.fetched_pipeline_id = raw.pipeline_id"
    ) }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

builds as (
    select
        fetched.repo_full_name,
        fetched.pipeline_id as fetched_pipeline_id,
        fetched.fetched_at,
        fetched._dlt_load_id,
        '/build' as place,
        'build_completed' as event_type,
        'bitbucket/pipeline' as pipeline_id,
        coalesce(pipeline.build_number, fetched.pipeline_id) as pipeline_run_id,
        'ci' as environment,
        {{ bitbucket_outcome("pipeline.state ->> 'result'") }} as status,
        {{ bitbucket_timestamp('pipeline.created_on') }} as started_at,
        coalesce({{ bitbucket_timestamp('pipeline.completed_on') }}, fetched.updated_at) as occurred_at,
        lower(pipeline.target #>> '{commit,hash}') as commit_sha,
        lower(pipeline.trigger ->> 'name') as trigger_type
    from fetched
    cross join lateral jsonb_to_record({{ json_object('fetched.pipeline') }})
        as pipeline (
            build_number text, state jsonb, target jsonb, trigger jsonb, created_on text, completed_on text
        )
    where pipeline.state ->> 'name' = 'COMPLETED'
),

-- What has ended has begun.
deployments as (
    select
        fetched.repo_full_name,
        fetched.pipeline_id as fetched_pipeline_id,
        fetched.fetched_at,
        fetched._dlt_load_id,
        '/' || (step ->> 'uuid') || '/' || moment.place as place,
        moment.event_type,
        'bitbucket/deploy' as pipeline_id,
        btrim(step ->> 'uuid', '{}') as pipeline_run_id,
        {{ bitbucket_environment("step ->> 'environment'", "step ->> 'environment_type'") }} as environment,
        moment.status,
        {{ bitbucket_timestamp("step ->> 'started_on'") }} as started_at,
        moment.occurred_at,
        lower(step ->> 'commit') as commit_sha,
        null::text as trigger_type
    from fetched
    cross join lateral jsonb_path_query(fetched.deployments, '$[*] ? (@.type() == "object")') as step
    cross join lateral (
        values
        (1, 'deploy_started', 'running', {{ bitbucket_timestamp("step ->> 'started_on'") }}),
        (
            2,
            case step ->> 'status' when 'SUCCESSFUL' then 'deploy_completed' when 'FAILED' then 'deploy_failed' end,
            {{ bitbucket_outcome("step ->> 'status'") }},
            {{ bitbucket_timestamp("step ->> 'completed_on'") }}
        )
    ) as moment (place, event_type, status, occurred_at)
    where
        step ->> 'uuid' is not null
        and moment.event_type is not null
        -- A deployment that was stopped reached nobody and says nothing about the change.
        and coalesce(step ->> 'status', '') <> 'STOPPED'
),

happened as (
    select * from builds
    union all
    select * from deployments
),

final as (
    select
        'bitbucket' as source,
        'fetched:' || repo_full_name || '/' || fetched_pipeline_id || place as observation_key,
        null::bigint as landing_id,
        fetched_at as received_at,
        occurred_at as event_timestamp,
        event_type,
        pipeline_id,
        pipeline_run_id,
        environment,
        status,
        case when event_type <> 'deploy_started' then extract(epoch from occurred_at - started_at)::integer end
            as duration_seconds,
        commit_sha,
        trigger_type,
        null::text as artefact_version,
        null::text as failure_reason,
        repo_full_name,
        {{ names_nothing() }},
        revision.revision,
        fetched_pipeline_id,
        _dlt_load_id
    from happened
    cross join revision
    where occurred_at is not null and status is not null and environment is not null
)

select * from final
