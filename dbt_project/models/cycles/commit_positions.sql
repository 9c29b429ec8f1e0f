{{ config(materialized='table', indexes=[{'columns': ['repo_full_name', 'commit_sha'], 'unique': true}]) }}

with recursive commits as (
    {{- present_commits() }}
),

-- The commits that anybody asks about: deployed ones and merges.
named as (
    select
        repo_full_name,
        commit_sha
    from {{ ref('cicd_events') }}
    where commit_sha is not null and event_type <> 'build_completed'
    union
    select
        repo_full_name,
        merge_commit_sha
    from {{ ref('pull_requests') }}
    where merge_commit_sha is not null
),

known as (
    select commits.*
    from named
    inner join commits on named.repo_full_name = commits.repo_full_name and named.commit_sha = commits.commit_sha
),

beside_the_branch as (
    select
        repo_full_name,
        commit_sha
    from known
    where branch_position is null
),

edges as materialized (
    select
        commits.repo_full_name,
        commits.commit_sha,
        commits.branch_position,
        lower(parent.sha) as parent_sha
    from commits
    cross join lateral jsonb_array_elements_text(commits.parent_shas) as parent (sha)
    where commits.repo_full_name in (select beside_the_branch.repo_full_name from beside_the_branch)
),

-- Down the history to where the side branch left the default branch.
ancestors as (
    select
        repo_full_name,
        commit_sha as origin_sha,
        commit_sha as reached_sha,
        null::bigint as branch_position
    from beside_the_branch
    union
    select
        ancestors.repo_full_name,
        ancestors.origin_sha,
        edges.parent_sha,
        commits.branch_position
    from ancestors
    inner join edges
        on ancestors.repo_full_name = edges.repo_full_name and ancestors.reached_sha = edges.commit_sha
    inner join commits
        on edges.repo_full_name = commits.repo_full_name and edges.parent_sha = commits.commit_sha
    where ancestors.branch_position is null
),

-- Up the history to the merge that brought the side branch in.
descendants as (
    select
        repo_full_name,
        commit_sha as origin_sha,
        commit_sha as reached_sha,
        null::bigint as branch_position
    from beside_the_branch
    union
    select
        descendants.repo_full_name,
        descendants.origin_sha,
        edges.commit_sha,
        edges.branch_position
    from descendants
    inner join edges
        on descendants.repo_full_name = edges.repo_full_name and descendants.reached_sha = edges.parent_sha
    where descendants.branch_position is null
),

contained as (
    select
        repo_full_name,
        origin_sha,
        max(branch_position) as contained_position,
        array_agg(reached_sha) filter (where branch_position is null and reached_sha <> origin_sha)
            as side_ancestor_shas
    from ancestors
    group by repo_full_name, origin_sha
),

merged as (
    select
        repo_full_name,
        origin_sha,
        min(branch_position) as merged_position
    from descendants
    group by repo_full_name, origin_sha
),

final as (
    select
        known.repo_full_name,
        known.commit_sha,
        known.committed_at,
        coalesce(known.branch_position, contained.contained_position) as contained_position,
        coalesce(known.branch_position, merged.merged_position) as merged_position,
        coalesce(contained.side_ancestor_shas, '{}') as side_ancestor_shas
    from known
    left join contained
        on known.repo_full_name = contained.repo_full_name and known.commit_sha = contained.origin_sha
    left join merged
        on known.repo_full_name = merged.repo_full_name and known.commit_sha = merged.origin_sha
)

select * from final
