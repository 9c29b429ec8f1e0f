-- Commits of each repository by day (003).
{{ config(indexes=[{'columns': ['repo_full_name', 'day'], 'unique': true}, {'columns': ['repository_id', 'day']}]) }}

with commits as (
    select
        {{ local_date('committed_at') }} as day,
        repo_full_name,
        repo_id,
        lines_added,
        lines_removed
    from {{ ref('commit_events') }}
    where committed_at <= {{ as_of() }}
),

final as (
    select
        day,
        repo_id as repository_id,
        repo_full_name,
        count(*)::integer as commit_count,
        sum(lines_added) as total_lines_added,
        sum(lines_removed) as total_lines_deleted,
        count(*) filter (where lines_added is null)::integer as unmeasured_count
    from commits
    group by day, repo_id, repo_full_name
)

select * from final
