{{ config(materialized='table', indexes=[{'columns': ['pipeline_run_id']}, {'columns': ['revision']}]) }}

with tickets as (
    select * from {{ ref('stg_jira__mapped_fields_latest') }}
    where not is_deleted
),

-- A ticket is deployed to production at most once, and once to the other environment that it names.
deployments as (
    select
        tickets.*,
        'production' as environment,
        coalesce(deployed_to_production_date, deployment_date) as deployed_at,
        deployed_to_production_date is not null as has_arrived,
        deployment_outcome as outcome
    from tickets
    where
        deployed_to_production_date is not null
        or (deployment_date is not null and coalesce(target_environment, 'production') = 'production')
    union all
    -- The outcome is that of production, where it has got so far.
    select
        tickets.*,
        target_environment,
        deployment_date,
        false,
        case when deployed_to_production_date is null then deployment_outcome end
    from tickets
    where target_environment <> 'production' and deployment_date is not null
),

-- Who says that it failed and when it reached production says that it was live: a change that failed, not an attempt.
lives as (
    select
        deployments.*,
        coalesce(outcome <> 'failure', true) or has_arrived as went_live,
        coalesce(outcome = 'rolled_back' or (outcome = 'failure' and has_arrived), false) as was_taken_back
    from deployments
),

final as (
    select
        'jira' as source,
        'jira:' || lives.issue_id || '/' || lives.environment || '/' || told.event_type as observation_key,
        null::bigint as landing_id,
        lives.received_at,
        lives.deployed_at as event_timestamp,
        told.event_type,
        'jira/' || lives.jira_project_key as pipeline_id,
        lives.ticket_id as pipeline_run_id,
        lives.environment,
        told.status,
        null::integer as duration_seconds,
        null::text as commit_sha,
        null::text as trigger_type,
        null::text as artefact_version,
        null::text as failure_reason,
        null::text as repo_full_name,
        null::text as service_name,
        null::text as rollback_of,
        null::integer as named_pr_number,
        lives.ticket_id as named_ticket_id,
        null::text as installation_id,
        lives.code_commit_date as first_commit_at,
        lives.revision
    from lives
    cross join lateral (
        values
        ('deploy_completed', 'success', lives.went_live),
        ('deploy_failed', 'failure', not lives.went_live),
        ('rollback_completed', 'rolled_back', lives.was_taken_back)
    ) as told (event_type, status, is_told)
    where told.is_told
)

select * from final
