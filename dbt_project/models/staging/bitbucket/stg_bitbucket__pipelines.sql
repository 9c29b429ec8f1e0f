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
        source = 'bitbucket'
        and event_name in ('repo:commit_status_created', 'repo:commit_status_updated')
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

told as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        repository.full_name as repo_full_name,
        build.key,
        build.name,
        build.state,
        lower(nullif(build.commit ->> 'hash', '')) as commit_sha,
        {{ bitbucket_timestamp('build.created_on') }} as started_at,
        coalesce({{ bitbucket_timestamp('build.updated_on') }}, deliveries.received_at) as ended_at
    from deliveries
    cross join lateral jsonb_to_record({{ json_object('deliveries.payload') }})
        as delivery (repository jsonb, commit_status jsonb)
    cross join lateral jsonb_to_record({{ json_object('delivery.repository') }})
        as repository (full_name text)
    cross join lateral jsonb_to_record({{ json_object('delivery.commit_status') }})
        as build (key text, name text, state text, commit jsonb, created_on text, updated_on text)
),

final as (
    select
        'bitbucket' as source,
        {{ delivery_key('told.landing_id') }} as observation_key,
        told.landing_id,
        told.received_at,
        told.ended_at as event_timestamp,
        'build_completed' as event_type,
        case
            when {{ bitbucket_build_number('told.name') }} is not null then 'bitbucket/pipeline'
            else 'bitbucket/' || coalesce(told.key, told.name, 'build')
        end as pipeline_id,
        coalesce(
            {{ bitbucket_build_number('told.name') }},
            coalesce(told.commit_sha, '') || '@' || coalesce({{ microseconds('told.started_at') }}::text, '')
        ) as pipeline_run_id,
        'ci' as environment,
        {{ bitbucket_outcome('told.state') }} as status,
        extract(epoch from told.ended_at - told.started_at)::integer as duration_seconds,
        told.commit_sha,
        null::text as trigger_type,
        null::text as artefact_version,
        null::text as failure_reason,
        told.repo_full_name,
        {{ names_nothing() }},
        revision.revision
    from told
    cross join revision
    where told.repo_full_name is not null and {{ bitbucket_outcome('told.state') }} is not null
)

select * from final
