-- Releases that were fetched and those that deliveries told of, in one shape.
with deliveries as (
    select
        landing_id,
        payload
    from {{ source('landing', 'raw_events') }}
    where source = 'github' and event_name = 'release'
),

fetched as (
    select * from {{ source('raw_github', 'releases') }}
),

told as (
    select
        deliveries.landing_id,
        repository.full_name as repo_full_name,
        release.id as release_id,
        release.tag_name,
        -- Usually the name of a branch, which says nothing of the commit.
        case when release.target_commitish ~* '^[0-9a-f]{40}$' then lower(release.target_commitish) end as commit_sha,
        {{ safe_timestamp('release.published_at') }} as published_at,
        coalesce(release.draft = 'true', false) as is_draft,
        coalesce(release.prerelease = 'true', false) as is_prerelease
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as delivery (repository jsonb, release jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.repository') }})
            as repository (full_name text)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.release') }})
            as release (
                id text, tag_name text, target_commitish text, published_at text, draft text, prerelease text
            )
    where repository.full_name is not null and release.id is not null and release.tag_name is not null
),

newest_told as (
    select distinct on (repo_full_name, release_id) *
    from told
    order by repo_full_name, release_id, landing_id desc
),

final as (
    select
        repo_full_name::text as repo_full_name,
        release_id::text as release_id,
        tag_name::text as tag_name,
        lower(sha::text) as commit_sha,
        published_at,
        is_draft,
        is_prerelease,
        true as is_fetched
    from fetched
    union all
    select
        repo_full_name,
        release_id,
        tag_name,
        commit_sha,
        published_at,
        is_draft,
        is_prerelease,
        false
    from newest_told
)

select * from final
