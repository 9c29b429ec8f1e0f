{{ config(materialized='table', indexes=[{'columns': ['record_id'], 'unique': true}]) }}

with events as (
    select * from {{ ref('cicd_events') }}
    where event_type in ('deploy_completed', 'deploy_failed', 'rollback_completed') and status <> 'cancelled'
),

repositories as (
    select * from {{ source('config', 'repositories') }}
),

-- Libraries are published, not deployed: what calls itself their deployment counts nowhere.
deployable as (
    select
        events.*,
        {{ event_id('deployment', [
            'events.pipeline_id', 'events.pipeline_run_id', 'events.repo_full_name', 'events.environment'
        ]) }} as record_id
    from events
    left join repositories on events.repo_id = repositories.repo_id
    where repositories.is_deployable is distinct from false
),

outcomes as (
    select
        record_id,
        min(event_timestamp) filter (where event_type = 'deploy_completed') as live_at,
        min(event_timestamp) filter (where event_type = 'deploy_failed') as failed_at,
        min(event_timestamp) filter (where event_type = 'rollback_completed') as taken_back_at
    from deployable
    group by record_id
),

-- A run's success describes it best, then what took it back, then its failure.
described as (
    select distinct on (record_id) *
    from deployable
    order by record_id, event_type = 'deploy_completed' desc, event_type = 'rollback_completed' desc
),

runs as (
    select
        described.record_id,
        described.pipeline_id || '/' || described.pipeline_run_id as deployment_id,
        described.pipeline_id,
        described.pipeline_run_id,
        described.repo_full_name,
        described.repo_id,
        described.tech_stream_id,
        described.environment,
        described.commit_sha,
        described.artefact_version,
        described.service_name,
        described.rollback_of,
        described.linked_pr_number,
        described.linked_ticket_id,
        described.delivery_stream_id,
        described.first_commit_at,
        described.duration_seconds,
        outcomes.live_at,
        outcomes.failed_at,
        outcomes.taken_back_at,
        outcomes.live_at is null and outcomes.failed_at is null as is_rollback_only
    from described
    inner join outcomes on described.record_id = outcomes.record_id
),

-- Pushes that say "this took an earlier deployment back": by a status of a run of its own, or by naming it.
statements as (
    select
        record_id,
        repo_full_name,
        environment,
        service_name,
        commit_sha,
        artefact_version,
        rollback_of,
        is_rollback_only,
        coalesce(live_at, taken_back_at) as stated_at
    from runs
    where is_rollback_only or (live_at is not null and rollback_of is not null)
),

-- The named deployment, else the one that was running. One join by repository and environment: a look for each
-- statement would read all deployments each time.
taken_back as (
    select distinct on (statements.record_id)
        statements.record_id,
        statements.stated_at,
        statements.is_rollback_only,
        target.record_id as target_record_id,
        case
            when statements.commit_sha is not null and target.commit_sha is not null
                then statements.commit_sha = target.commit_sha
            when statements.artefact_version is not null and target.artefact_version is not null
                then statements.artefact_version = target.artefact_version
            else true
        end as names_its_target
    from statements
    left join runs as target
        on
            statements.repo_full_name = target.repo_full_name
            and statements.environment = target.environment
            and target.live_at <= statements.stated_at
            and target.record_id <> statements.record_id
            and coalesce(target.service_name, '') = coalesce(statements.service_name, target.service_name, '')
    order by
        statements.record_id,
        coalesce(
            statements.rollback_of in (
                target.artefact_version, target.pipeline_id, target.pipeline_run_id, target.deployment_id
            )
            -- Short forms of a commit are common; seven digits and more name one.
            or (
                length(statements.rollback_of) >= 7 and starts_with(target.commit_sha, lower(statements.rollback_of))
            ),
            false
        ) desc,
        target.live_at desc,
        target.deployment_id desc
),

rollback_times as (
    select
        target_record_id as record_id,
        min(stated_at) as rollback_at
    from taken_back
    where target_record_id is not null
    group by target_record_id
),

final as (
    select
        runs.record_id,
        runs.deployment_id,
        runs.pipeline_id,
        runs.pipeline_run_id,
        runs.repo_full_name,
        runs.repo_id,
        runs.tech_stream_id,
        runs.environment,
        coalesce(runs.live_at, runs.taken_back_at, runs.failed_at) as deployed_at,
        runs.live_at is not null or (runs.is_rollback_only and taken_back.target_record_id is not null) as went_live,
        runs.failed_at is not null and runs.live_at is null and runs.taken_back_at is null as is_failed,
        taken_back.target_record_id is not null as is_stated_rollback,
        least(
            rollback_times.rollback_at,
            -- A rollback that put something else live was not itself taken back.
            case when taken_back.target_record_id is null or not runs.is_rollback_only then runs.taken_back_at end
        ) as stated_rollback_at,
        runs.commit_sha,
        runs.artefact_version,
        runs.service_name,
        runs.linked_pr_number,
        runs.linked_ticket_id,
        runs.delivery_stream_id,
        runs.first_commit_at,
        runs.duration_seconds
    from runs
    left join taken_back on runs.record_id = taken_back.record_id
    left join rollback_times on runs.record_id = rollback_times.record_id
    -- A mere report that the running deployment was taken back is its status, not another deployment.
    where
        not runs.is_rollback_only
        or taken_back.target_record_id is null
        or not taken_back.names_its_target
)

select * from final
