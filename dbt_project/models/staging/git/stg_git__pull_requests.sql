with pull_requests as (
    select * from {{ source('raw_git', 'pull_requests') }}
),

final as (
    select
        {{ pull_request_key('repo_full_name', 'pr_number') }} as pull_request_key,
        repo_full_name::text as repo_full_name,
        pr_number::integer as pr_number,
        lower(merge_commit_sha::text) as merge_commit_sha,
        branch_name::text as branch_name,
        author_hash::text as author_hash,
        first_commit_at,
        merged_at,
        title::text as title,
        merge_method::text as merge_method,
        lines_added::integer as lines_added,
        lines_removed::integer as lines_removed,
        files_changed::integer as files_changed,
        _dlt_load_id::text as load_id
    from pull_requests
)

select * from final
