with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where source = 'push' and event_name = 'deployment'
),

final as (
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
)

select * from final
