{{ config(
    incremental_strategy='replace_touched',
    unique_key='cycle_id',
    indexes=[
        {'columns': ['cycle_id'], 'unique': true},
        {'columns': ['repo_full_name', 'pr_number'], 'unique': true},
        {'columns': ['tech_stream_id', 'merged_at']},
        {'columns': ['delivery_stream_id', 'merged_at']},
        {'columns': ['revision']},
    ],
    meta={'touched': 'touched_pull_request_phases', 'touched_key': 'cycle_id', 'volatile': ['revision']},
    pre_hook="{{ begin_build(repository_names_fingerprint()) }}",
    post_hook="{{ end_build() }}",
) }}

-- depends_on: {{ ref('repository_names') }}
-- depends_on: {{ ref('pr_events') }}

with pull_requests as (
    select
        repo_full_name,
        pr_number,
        is_from_git_only
    from {{ ref('pull_requests') }}
    where state = 'merged'
),

merged as (
    select *
    from {{ ref('pr_cycles') }}
    where
        state = 'merged'
        {% if is_incremental() %}
        and cycle_id in ({{ touched_pull_request_phases() }})
        {% endif %}
),

first_deployments as (
    {{- first_deployments_of_pull_requests() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

-- Each end point lies at or after the one before it, whatever the vendors' clocks say.
placed as (
    select
        merged.*,
        pull_requests.is_from_git_only,
        first_deployments.deployed_at as first_live_at,
        first_deployments.record_id as deployment_record_id,
        least(merged.first_commit_at, merged.opened_at, merged.merged_at) as started_at,
        -- A draft that was merged was never ready before.
        least(coalesce(merged.ready_at, merged.merged_at), merged.merged_at) as became_ready_at,
        case when merged.first_review_at <= merged.merged_at then merged.first_review_at end as reviewed_at,
        case when merged.approved_at <= merged.merged_at then merged.approved_at end as accepted_at
    from merged
    inner join pull_requests
        on merged.repo_full_name = pull_requests.repo_full_name and merged.pr_number = pull_requests.pr_number
    left join first_deployments
        on merged.repo_full_name = first_deployments.repo_full_name and merged.pr_number = first_deployments.pr_number
),

bounded as (
    select
        placed.*,
        greatest(placed.became_ready_at, placed.started_at) as ready_from,
        case when placed.first_live_at is not null then greatest(placed.first_live_at, placed.merged_at) end as live_from,
        coalesce(placed.accepted_at, placed.merged_at) as decided_at
    from placed
),

-- Where an end point is missing, the time goes to the next phase that has its own.
measured as (
    select
        bounded.*,
        case
            when
                not bounded.is_from_git_only
                and (bounded.first_commit_at is not null or bounded.ready_from > bounded.started_at)
                then {{ hours_between('bounded.started_at', 'bounded.ready_from') }}
        end as coding_hrs,
        case
            when not bounded.is_from_git_only then {{ hours_between('bounded.ready_from', 'bounded.reviewed_at') }}
        end as pickup_hrs,
        case
            when not bounded.is_from_git_only and bounded.ready_at <= bounded.merged_at
                then {{ hours_between('coalesce(bounded.reviewed_at, bounded.ready_from)', 'bounded.decided_at') }}
        end as review_hrs,
        case
            when not bounded.is_from_git_only then {{ hours_between('bounded.accepted_at', 'bounded.merged_at') }}
        end as merge_hrs,
        {{ hours_between('bounded.merged_at', 'bounded.live_from') }} as deploy_hrs,
        case
            when bounded.is_from_git_only then {{ hours_between('bounded.started_at', 'bounded.merged_at') }}
        end as undivided_hrs,
        {{ hours_between('bounded.started_at', 'bounded.live_from') }} as cycle_time_hrs
    from bounded
),

final as (
    select
        measured.cycle_id,
        measured.repo_id,
        measured.tech_stream_id,
        measured.delivery_stream_id,
        measured.repo_full_name,
        measured.pr_number,
        measured.started_at,
        case when not measured.is_from_git_only then measured.ready_from end as ready_at,
        measured.reviewed_at as first_review_at,
        case when not measured.is_from_git_only then measured.decided_at end as decided_at,
        measured.merged_at,
        measured.live_from as deployed_at,
        measured.deployment_record_id,
        measured.coding_hrs,
        measured.pickup_hrs,
        measured.review_hrs,
        measured.merge_hrs,
        measured.deploy_hrs,
        measured.undivided_hrs,
        measured.cycle_time_hrs,
        measured.is_bot,
        revision.revision
    from measured
    cross join revision
)

select * from final
