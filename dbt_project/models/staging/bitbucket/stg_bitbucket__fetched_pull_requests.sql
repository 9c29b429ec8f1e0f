{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='observation_key',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['pull_request_key']},
        {'columns': ['revision']},
    ],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with fetched as (
    select raw.*
    from {{ source('raw_bitbucket', 'pull_requests') }} as raw
    {{- loaded_since_last_build("known.observation_key = " ~ fetched_key('raw.repo_full_name', 'raw.pr_number')) }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

-- Each entry of the activity that tells of the pull request itself, with what stood there before.
updates as (
    select
        fetched.repo_full_name,
        fetched.pr_number,
        entry #>> '{update,state}' as state,
        entry #>> '{update,draft}' as draft,
        {{ bitbucket_timestamp("entry #>> '{update,date}'") }} as updated_at,
        lag(entry #>> '{update,draft}') over (
            partition by fetched.repo_full_name, fetched.pr_number
            order by {{ safe_timestamp("entry #>> '{update,date}'") }}
        ) as draft_before
    from fetched
    cross join lateral jsonb_path_query(fetched.activity, '$[*] ? (exists(@.update))') as entry
),

turns as (
    select
        repo_full_name,
        pr_number,
        min(updated_at) filter (where state = 'MERGED') as merged_at,
        min(updated_at) filter (where state in ('DECLINED', 'SUPERSEDED')) as declined_at,
        max(updated_at) filter (where draft = 'false' and draft_before = 'true') as marked_ready_at
    from updates
    group by repo_full_name, pr_number
),

final as (
    select
        {{ fetched_key('fetched.repo_full_name', 'fetched.pr_number') }} as observation_key,
        null::bigint as landing_id,
        fetched.fetched_at as received_at,
        '' as action,
        true as is_fetched,
        {{ pull_request_key('fetched.repo_full_name', 'fetched.pr_number') }} as pull_request_key,
        fetched.repo_full_name,
        fetched.default_branch,
        {{ bitbucket_pull_request_columns('fetched.fetched_at') }},
        turns.marked_ready_at as ready_at,
        (
            select min({{ safe_timestamp("listed ->> 'date'") }})
            from jsonb_path_query(fetched.commits, '$[*] ? (@.type() == "object")') as listed
        ) as first_commit_at,
        case
            when pull_request.state = 'MERGED'
                then coalesce(turns.merged_at, {{ bitbucket_timestamp('pull_request.updated_on') }})
        end as merged_at,
        case
            when pull_request.state = 'MERGED'
                then coalesce(turns.merged_at, {{ bitbucket_timestamp('pull_request.updated_on') }})
            when pull_request.state in ('DECLINED', 'SUPERSEDED')
                then coalesce(turns.declined_at, {{ bitbucket_timestamp('pull_request.updated_on') }})
        end as closed_at,
        case when pull_request.state = 'MERGED' then lower(pull_request.merge_commit ->> 'hash') end
            as merge_commit_sha,
        {{ safe_count("fetched.diffstat ->> 'lines_added'") }} as lines_added,
        {{ safe_count("fetched.diffstat ->> 'lines_removed'") }} as lines_removed,
        {{ safe_count("fetched.diffstat ->> 'files_changed'") }} as files_changed,
        {{ safe_count('pull_request.comment_count') }} as comments_count,
        null::text as installation_id,
        revision.revision,
        fetched._dlt_load_id
    from fetched
    cross join revision
    {{ bitbucket_pull_request_lateral('fetched.pull_request') }}
    left join turns on fetched.repo_full_name = turns.repo_full_name and fetched.pr_number = turns.pr_number
)

select * from final
