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
        source = 'github'
        and event_name = 'workflow_run'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        delivery.action,
        delivery.installation ->> 'id' as installation_id,
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
            as delivery (action text, repository jsonb, installation jsonb, workflow_run jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.repository') }})
            as repository (full_name text)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.workflow_run') }})
            as run (
                id text, run_attempt text, path text, workflow_id text, name text, conclusion text, event text,
                head_sha text, run_started_at text, updated_at text
            )
),

final as (
    select
        'github' as source,
        {{ delivery_key('parsed.landing_id') }} as observation_key,
        parsed.landing_id,
        parsed.received_at,
        parsed.completed_at as event_timestamp,
        'build_completed' as event_type,
        'github/' || parsed.workflow as pipeline_id,
        parsed.run_id || '.' || parsed.run_attempt as pipeline_run_id,
        'ci' as environment,
        coalesce(parsed.conclusion, 'unknown') as status,
        extract(epoch from parsed.completed_at - parsed.started_at)::integer as duration_seconds,
        parsed.commit_sha,
        parsed.trigger_type,
        null::text as artefact_version,
        null::text as failure_reason,
        parsed.repo_full_name,
        null::text as service_name,
        null::text as rollback_of,
        null::integer as named_pr_number,
        null::text as named_ticket_id,
        parsed.installation_id,
        null::timestamptz as first_commit_at,
        revision.revision
    from parsed
    cross join revision
    where parsed.action = 'completed' and parsed.repo_full_name is not null and parsed.run_id is not null
)

select * from final
