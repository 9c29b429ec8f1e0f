with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where source = 'github' and event_name = 'workflow_run'
),

final as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        delivery.action,
        repository.full_name as repo_full_name,
        coalesce(run.path, run.workflow_id, run.name, '') as workflow,
        run.id as run_id,
        coalesce(run.run_attempt, '1') as run_attempt,
        lower(run.conclusion) as conclusion,
        run.event as trigger_type,
        lower(run.head_sha) as commit_sha,
        {{ safe_timestamp('run.run_started_at') }} as started_at,
        coalesce({{ safe_timestamp('run.updated_at') }}, deliveries.received_at) as completed_at
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as delivery (action text, repository jsonb, workflow_run jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.repository') }})
            as repository (full_name text)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.workflow_run') }})
            as run (
                id text, run_attempt text, path text, workflow_id text, name text, conclusion text, event text,
                head_sha text, run_started_at text, updated_at text
            )
    where repository.full_name is not null and run.id is not null
)

select * from final
