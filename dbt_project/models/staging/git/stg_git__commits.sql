with commits as (
    select * from {{ source('raw_git', 'commits') }}
),

final as (
    select
        repo_full_name::text as repo_full_name,
        lower(sha::text) as commit_sha,
        parent_shas,
        author_hash::text as author_hash,
        committer_hash::text as committer_hash,
        authored_at,
        committed_at,
        subject::text as subject,
        lines_added,
        lines_removed,
        files_changed,
        branch_position,
        _dlt_load_id::text as load_id
    from commits
)

select * from final
