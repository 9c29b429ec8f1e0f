with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where source = 'github' and event_name = 'deployment_status'
),

final as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        repository.full_name as repo_full_name,
        deployment.id as deployment_id,
        lower(status.state) as state,
        coalesce(nullif(status.environment, ''), nullif(deployment.environment, ''), 'production') as environment,
        lower(nullif(deployment.sha, '')) as commit_sha,
        -- A tag tells a version; the default branch tells none.
        nullif(nullif(deployment.ref, repository.default_branch), deployment.sha) as git_ref,
        deployment.task,
        nullif(status.description, '') as description,
        {{ safe_timestamp('deployment.created_at') }} as created_at,
        coalesce({{ safe_timestamp('status.created_at') }}, deliveries.received_at) as reported_at
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as delivery (repository jsonb, deployment jsonb, deployment_status jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.repository') }})
            as repository (full_name text, default_branch text)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.deployment') }})
            as deployment (id text, sha text, ref text, task text, environment text, created_at text)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.deployment_status') }})
            as status (state text, environment text, description text, created_at text)
    where repository.full_name is not null and deployment.id is not null and status.state is not null
)

select * from final
