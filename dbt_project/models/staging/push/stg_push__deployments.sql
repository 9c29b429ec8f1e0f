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
        source = 'push'
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
        deployment.pipeline_id,
        nullif(deployment.pipeline_run_id, '') as pipeline_run_id,
        deployment.environment,
        lower(deployment.status) as status,
        deployment.repo_full_name,
        lower(nullif(deployment.commit_sha, '')) as commit_sha,
        {{ safe_count('deployment.pr_number') }} as pr_number,
        coalesce({{ safe_timestamp('deployment.started_at') }}, deliveries.received_at) as started_at,
        coalesce(
            {{ safe_timestamp('deployment.completed_at') }},
            {{ safe_timestamp('deployment.started_at') }},
            deliveries.received_at
        ) as completed_at,
        deployment.trigger_type,
        nullif(deployment.artefact_version, '') as artefact_version,
        deployment.failure_reason,
        nullif(deployment.service_name, '') as service_name,
        nullif(deployment.rollback_of, '') as rollback_of
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as deployment (
                pipeline_id text,
                pipeline_run_id text,
                environment text,
                status text,
                repo_full_name text,
                commit_sha text,
                pr_number text, started_at text, completed_at text, trigger_type text, artefact_version text,
                failure_reason text, service_name text, rollback_of text
            )
    where deployment.pipeline_id is not null and deployment.status is not null and deployment.environment is not null
),

final as (
    select
        'deployment' as source,
        {{ delivery_key('parsed.landing_id') }} as observation_key,
        parsed.landing_id,
        parsed.received_at,
        parsed.completed_at as event_timestamp,
        case parsed.status
            when 'success' then 'deploy_completed'
            when 'rolled_back' then 'rollback_completed'
            else 'deploy_failed'
        end as event_type,
        parsed.pipeline_id,
        -- The start tells two runs of one pipeline apart, and a doubled delivery repeats it.
        coalesce(
            parsed.pipeline_run_id, to_char(parsed.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ) as pipeline_run_id,
        {{ environment_name('parsed.environment') }} as environment,
        parsed.status,
        extract(epoch from parsed.completed_at - parsed.started_at)::integer as duration_seconds,
        coalesce(parsed.commit_sha, {{ commit_of_artefact('parsed.artefact_version') }}) as commit_sha,
        parsed.trigger_type,
        parsed.artefact_version,
        parsed.failure_reason,
        parsed.repo_full_name,
        parsed.service_name,
        parsed.rollback_of,
        parsed.pr_number as named_pr_number,
        null::text as named_ticket_id,
        null::text as installation_id,
        null::timestamptz as first_commit_at,
        revision.revision
    from parsed
    cross join revision
)

select * from final
