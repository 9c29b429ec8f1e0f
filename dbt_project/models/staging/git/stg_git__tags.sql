with tags as (
    select * from {{ source('raw_git', 'tags') }}
),

final as (
    select
        repo_full_name::text as repo_full_name,
        tag_name::text as tag_name,
        lower(sha::text) as commit_sha,
        tagged_at,
        is_annotated
    from tags
)

select * from final
