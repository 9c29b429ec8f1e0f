{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='event_id',
    indexes=[
        {'columns': ['event_id'], 'unique': true},
        {'columns': ['landing_id']},
        {'columns': ['environment', 'status', 'event_timestamp']},
        {'columns': ['commit_sha']},
        {'columns': ['linked_ticket_id']},
        {'columns': ['repo_full_name', 'named_pr_number']},
    ],
    meta={'touched': 'touched_cicd_events', 'touched_key': 'event_id'},
    pre_hook="{{ begin_build(configuration_fingerprint(['repositories', 'tech_streams'])) }}",
    post_hook="{{ end_build() }}",
) }}

{%- set facts %}
        event_id, source, received_at, event_timestamp, event_type, pipeline_id, pipeline_run_id, environment, status,
        duration_seconds, commit_sha, trigger_type, artefact_version, failure_reason, repo_full_name, service_name,
        rollback_of, named_pr_number, landing_id
{%- endset %}

with pushed_deployments as (
    select *
    from {{ ref('stg_push__deployments') }}
    where true {{ landed_since_last_build() }}
),

deployment_statuses as (
    select *
    from {{ ref('stg_github__deployment_statuses') }}
    where true {{ landed_since_last_build() }}
),

workflow_runs as (
    select *
    from {{ ref('stg_github__workflow_runs') }}
    where true {{ landed_since_last_build() }}
),

pull_requests as (
    select * from {{ ref('pull_requests') }}
),

repositories as (
    select * from {{ source('config', 'repositories') }}
),

tech_streams as (
    select * from {{ source('config', 'tech_streams') }}
),

reported as (
    select
        'deployment' as source,
        received_at,
        completed_at as event_timestamp,
        case status
            when 'success' then 'deploy_completed'
            when 'rolled_back' then 'rollback_completed'
            else 'deploy_failed'
        end as event_type,
        pipeline_id,
        -- The start tells two runs of one pipeline apart, and a doubled delivery repeats it.
        coalesce(pipeline_run_id, to_char(started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
            as pipeline_run_id,
        {{ environment_name('environment') }} as environment,
        status,
        extract(epoch from completed_at - started_at)::integer as duration_seconds,
        coalesce(commit_sha, {{ commit_of_artefact('artefact_version') }}) as commit_sha,
        trigger_type,
        artefact_version,
        failure_reason,
        repo_full_name,
        service_name,
        rollback_of,
        pr_number as named_pr_number,
        landing_id
    from pushed_deployments
    union all
    select
        'github',
        received_at,
        reported_at,
        case
            when state = 'success' then 'deploy_completed'
            when state in ('failure', 'error') then 'deploy_failed'
            else 'deploy_started'
        end,
        'github/' || coalesce(task, 'deploy'),
        deployment_id,
        {{ environment_name('environment') }},
        case when state = 'error' then 'failure' else state end,
        extract(epoch from reported_at - created_at)::integer,
        commit_sha,
        null,
        git_ref,
        case when state in ('failure', 'error') then description end,
        repo_full_name,
        null,
        null,
        null,
        landing_id
    from deployment_statuses
    -- `inactive` says that a newer deployment took over, which that one says itself.
    where state in ('success', 'failure', 'error', 'in_progress', 'queued', 'pending')
    union all
    select
        'github',
        received_at,
        completed_at,
        'build_completed',
        'github/' || workflow,
        run_id || '.' || run_attempt,
        'ci',
        coalesce(conclusion, 'unknown'),
        extract(epoch from completed_at - started_at)::integer,
        commit_sha,
        trigger_type,
        null,
        null,
        repo_full_name,
        null,
        null,
        null,
        landing_id
    from workflow_runs
    where action = 'completed'
),

identified as (
    select
        {{ event_id('cicd', ['pipeline_id', 'pipeline_run_id', 'event_type', 'repo_full_name', 'environment']) }}
            as event_id,
        *
    from reported
),

-- Of doubled deliveries the first one counts, in a rebuild as on the day.
arrived as (
    select distinct on (event_id) {{ facts }}
    from identified
    order by event_id, landing_id
),

facts as (
    select {{ facts }}
    from arrived
    {% if is_incremental() %}
    where
        not exists (
            select 1 from {{ this }} as known
            where known.event_id = arrived.event_id
        )
    union all
    select {{ facts }}
    from {{ this }}
    where event_id in ({{ touched_cicd_events() }})
    {% endif %}
),

-- One commit is the merge of at most one pull request; a rebased stack may say otherwise.
by_commit as (
    select distinct on (facts.event_id)
        facts.event_id,
        pull_requests.pr_number
    from facts
    inner join pull_requests
        on facts.repo_full_name = pull_requests.repo_full_name and facts.commit_sha = pull_requests.merge_commit_sha
    order by facts.event_id, pull_requests.pr_number
),

linked as (
    select
        facts.*,
        coalesce(facts.named_pr_number, by_commit.pr_number) as linked_pr_number
    from facts
    left join by_commit on facts.event_id = by_commit.event_id
),

final as (
    select
        linked.event_id,
        linked.source,
        pull_requests.delivery_stream_id,
        coalesce(repositories.tech_stream_id, tech_streams.stream_id) as tech_stream_id,
        linked.received_at,
        linked.event_timestamp,
        linked.event_type,
        linked.pipeline_id,
        linked.pipeline_run_id,
        repositories.repo_id,
        linked.environment,
        linked.status,
        linked.duration_seconds,
        linked.commit_sha,
        linked.linked_pr_number,
        pull_requests.linked_ticket_id,
        linked.trigger_type,
        linked.artefact_version,
        linked.failure_reason,
        linked.repo_full_name,
        linked.service_name,
        linked.rollback_of,
        linked.named_pr_number,
        linked.landing_id
    from linked
    left join repositories on lower(repositories.full_name) = lower(linked.repo_full_name)
    -- GitHub's own events come from the organisation, which is the stream (004 §5.3.5); pushed ones name a
    -- repository, which must be registered (§5.4.3).
    left join tech_streams
        on
            repositories.repo_id is null
            and linked.source = 'github'
            and lower(tech_streams.github_org) = lower(split_part(linked.repo_full_name, '/', 1))
    left join pull_requests
        on
            linked.repo_full_name = pull_requests.repo_full_name
            and linked.linked_pr_number = pull_requests.pr_number
)

select * from final
