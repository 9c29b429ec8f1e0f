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
    from {{ source('raw_gitlab', 'merge_requests') }} as raw
    {{- loaded_since_last_build("known.observation_key = " ~ fetched_key('raw.repo_full_name', 'raw.iid')) }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

told as (
    select
        fetched.*,
        {{ gitlab_timestamp("merge_request.created_at") }} as opened_at,
        -- The last time that it was marked as ready.
        (
            select max({{ gitlab_timestamp("note ->> 'created_at'") }})
            from jsonb_path_query(fetched.notes, '$[*] ? (@.system == true)') as note
            where note ->> 'body' ~* '^(marked (this merge request )?as \*\*ready|unmarked (this merge request )?as a )'
        ) as marked_ready_at,
        (
            select min({{ safe_timestamp("listed ->> 'authored_date'") }})
            from jsonb_path_query(fetched.commits, '$[*] ? (@.type() == "object")') as listed
        ) as first_commit_at,
        {{ is_gitlab_draft() }} as is_draft
    from fetched
    cross join lateral jsonb_to_record({{ json_object('fetched.merge_request') }})
        as merge_request (title text, draft text, work_in_progress text, created_at text)
),

final as (
    select
        'gitlab' as source,
        {{ fetched_key('told.repo_full_name', 'told.iid') }} as observation_key,
        null::bigint as landing_id,
        told.fetched_at as received_at,
        '' as action,
        true as is_fetched,
        {{ pull_request_key('told.repo_full_name', 'told.iid') }} as pull_request_key,
        told.repo_full_name,
        told.default_branch,
        told.iid::integer as pr_number,
        merge_request.title,
        {{ ticket_keys_in_text('merge_request.description') }} as body_ticket_keys,
        merge_request.author ->> 'person_hash' as author_hash,
        coalesce(merge_request.author ->> 'type' = 'Bot', false) as author_is_bot,
        told.is_draft,
        merge_request.source_branch as branch_name,
        merge_request.sha as head_sha,
        merge_request.target_branch as base_branch,
        array(
            select lower(label #>> '{}')
            from jsonb_path_query(merge_request.labels, '$[*] ? (@.type() == "string")') as label
        ) as label_names,
        told.opened_at,
        date_trunc('second', told.updated_at) as updated_at,
        -- Never marked and no draft: it was opened ready.
        coalesce(told.marked_ready_at, case when not told.is_draft then told.opened_at end) as ready_at,
        told.first_commit_at,
        {{ gitlab_timestamp('merge_request.merged_at') }} as merged_at,
        coalesce(
            {{ gitlab_timestamp('merge_request.closed_at') }}, {{ gitlab_timestamp('merge_request.merged_at') }}
        ) as closed_at,
        -- A fast-forward makes no merge commit: the squashed commit or the head itself is on the branch then.
        case
            when merge_request.merged_at is not null
                then lower(
                    coalesce(merge_request.merge_commit_sha, merge_request.squash_commit_sha, merge_request.sha)
                )
        end as merge_commit_sha,
        {{ safe_count("told.diffstat ->> 'lines_added'") }} as lines_added,
        {{ safe_count("told.diffstat ->> 'lines_removed'") }} as lines_removed,
        {{ safe_count("told.diffstat ->> 'files_changed'") }} as files_changed,
        {{ safe_count('merge_request.user_notes_count') }} as comments_count,
        null::text as installation_id,
        revision.revision,
        told._dlt_load_id
    from told
    cross join revision
    cross join lateral jsonb_to_record({{ json_object('told.merge_request') }})
        as merge_request (
            title text, description text, author jsonb, source_branch text, target_branch text, sha text, labels jsonb,
            merged_at text, closed_at text, merge_commit_sha text, squash_commit_sha text, user_notes_count text
        )
)

select * from final
