{{ config(
    materialized='table',
    indexes=[
        {'columns': ['record_id', 'pr_number'], 'unique': true},
        {'columns': ['tech_stream_id', 'deployed_at']},
        {'columns': ['delivery_stream_id', 'deployed_at']},
    ],
) }}

with timeline as (
    select * from {{ ref('production_timeline') }}
),

runs as (
    select * from {{ ref('deployment_runs') }}
),

pull_requests as (
    select * from {{ ref('pull_requests') }}
    where state = 'merged' and is_to_default_branch
),

positions as (
    select * from {{ ref('commit_positions') }}
),

commits as (
    {{- present_commits() }}
),

branch_commits as (
    select
        repo_full_name,
        committed_at,
        branch_position
    from commits
    where branch_position is not null
),

tech_streams as (
    select * from {{ source('config', 'tech_streams') }}
),

lines as (
    select distinct
        line,
        repo_full_name
    from timeline
),

-- Merges and deployments of one line, to be put in one order.
moments as (
    select
        lines.line,
        lines.repo_full_name,
        false as is_deployment,
        pull_requests.pull_request_key as moment_key,
        positions.contained_position as branch_position,
        pull_requests.merged_at as happened_at,
        null::uuid as record_id,
        null::timestamptz as deployed_at,
        null::bigint as sequence_number,
        null::boolean as moves_the_line
    from lines
    inner join pull_requests on lines.repo_full_name = pull_requests.repo_full_name
    left join positions
        on
            pull_requests.repo_full_name = positions.repo_full_name
            and pull_requests.merge_commit_sha = positions.commit_sha
            and positions.merged_position = positions.contained_position
    union all
    select
        line,
        repo_full_name,
        true,
        record_id::text,
        contained_position,
        cutoff_at,
        record_id,
        deployed_at,
        sequence_number,
        moves_the_line
    from timeline
    where not is_outside_history
),

-- By position on the default branch; what is not on it (no history, or none yet) by time, after the last commit before.
estimated as (
    select
        moment_key,
        line,
        max(branch_position) over (partition by repo_full_name order by happened_at, is_moment) as branch_position,
        is_moment
    from (
        select
            repo_full_name,
            null as line,
            null as moment_key,
            committed_at as happened_at,
            branch_position,
            false as is_moment
        from branch_commits
        union all
        select
            repo_full_name,
            line,
            moment_key,
            happened_at,
            null,
            true
        from moments
        where branch_position is null
    ) as commits_and_moments
),

placed as (
    select
        moments.*,
        coalesce(moments.branch_position, estimated.branch_position, -1) as place,
        case when moments.branch_position is null then moments.happened_at else '-infinity' end as tie_break
    from moments
    left join estimated
        on estimated.is_moment and moments.moment_key = estimated.moment_key and moments.line = estimated.line
),

-- How many merges lie at or before this point: a merge's own number, a deployment's reach.
counted as materialized (
    select
        placed.*,
        count(*) filter (where not placed.is_deployment) over (
            partition by placed.line
            order by placed.place, placed.tie_break, placed.is_deployment, placed.moment_key
            rows unbounded preceding
        ) as merges_so_far
    from placed
),

-- Each deployment that moves the line begins a stretch, which lasts until the next one.
stretches as (
    select
        line,
        record_id,
        deployed_at,
        sequence_number,
        merges_so_far,
        count(*) filter (where moves_the_line) over (partition by line order by sequence_number) as stretch
    from counted
    where is_deployment
),

last_moves as (
    select
        stretches.*,
        case
            when stretches.stretch > 0
                then
                    first_value(stretches.merges_so_far)
                        over (partition by stretches.line, stretches.stretch order by stretches.sequence_number)
        end as last_moved_to
    from stretches
),

ranges as (
    select
        line,
        record_id,
        deployed_at,
        lag(last_moved_to) over (partition by line order by sequence_number) as previous_merge,
        merges_so_far as last_merge
    from last_moves
),

carried as (
    select
        ranges.record_id,
        ranges.deployed_at,
        counted.moment_key as pull_request_key,
        -- What a line's first deployment carried is unknown: an old merge was probably live before we looked.
        case
            when ranges.previous_merge is null
                then ranges.deployed_at - interval '{{ var("first_deployment_guard_days") }} days'
        end as not_merged_before
    from ranges
    cross join
        lateral generate_series(coalesce(ranges.previous_merge, 0) + 1, ranges.last_merge) as merge (merge_number)
    inner join counted
        on
            not counted.is_deployment
            and ranges.line = counted.line
            and merge.merge_number = counted.merges_so_far
),

changes_of_pull_requests as (
    select
        carried.record_id,
        runs.repo_id,
        runs.tech_stream_id,
        pull_requests.delivery_stream_id,
        pull_requests.pr_number,
        pull_requests.linked_ticket_id,
        pull_requests.opened_at,
        pull_requests.first_commit_at,
        pull_requests.merged_at,
        carried.deployed_at,
        {{ hours_between(
            "case when tech_streams.lead_time_method = 'first_commit' then pull_requests.first_commit_at else pull_requests.opened_at end",
            'carried.deployed_at'
        ) }} as lead_time_hrs,
        {{ hours_between('pull_requests.first_commit_at', 'carried.deployed_at') }} as lead_time_from_first_commit_hrs,
        {{ hours_between('pull_requests.merged_at', 'carried.deployed_at') }} as lead_time_from_merge_hrs,
        pull_requests.repo_full_name,
        pull_requests.is_hotfix
    from carried
    inner join pull_requests on carried.pull_request_key = pull_requests.pull_request_key
    inner join runs on carried.record_id = runs.record_id
    left join tech_streams on runs.tech_stream_id = tech_streams.stream_id
    where carried.not_merged_before is null or pull_requests.merged_at >= carried.not_merged_before
),

-- A deployment that a ticket tells of knows no repository: the ticket is its change, from its code commit date on.
changes_of_tickets as (
    select
        record_id,
        repo_id,
        tech_stream_id,
        delivery_stream_id,
        null::integer as pr_number,
        linked_ticket_id,
        null::timestamptz as opened_at,
        first_commit_at,
        null::timestamptz as merged_at,
        deployed_at,
        -- Committed after it was live is a mistake of whoever filled the fields: not known, and counted as excluded.
        case when first_commit_at <= deployed_at then {{ hours_between('first_commit_at', 'deployed_at') }} end
            as lead_time_hrs,
        case when first_commit_at <= deployed_at then {{ hours_between('first_commit_at', 'deployed_at') }} end
            as lead_time_from_first_commit_hrs,
        null::numeric as lead_time_from_merge_hrs,
        repo_full_name,
        false as is_hotfix
    from runs
    where environment = 'production' and went_live and repo_full_name is null and linked_ticket_id is not null
),

final as (
    select * from changes_of_pull_requests
    union all
    select * from changes_of_tickets
)

select * from final
