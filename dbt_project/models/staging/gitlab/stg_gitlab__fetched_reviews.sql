{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='observation_key',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['pull_request_key']},
        {'columns': ['revision']},
    ],
    meta={
        'touched': 'touched_gitlab_fetched_reviews',
        'touched_key': 'pull_request_key',
        'volatile': ['revision', 'received_at'],
    },
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with merge_requests as (
    select *
    from {{ ref('stg_gitlab__fetched_merge_requests') }}
    {% if is_incremental() %}
    where revision > {{ applied_revision() }}
    {% endif %}
),

fetched as (
    select * from {{ source('raw_gitlab', 'merge_requests') }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

notes as (
    select
        merge_requests.observation_key as merge_request_observation_key,
        fetched.versions,
        note.id as review_id,
        note.author ->> 'person_hash' as reviewer_hash,
        coalesce(note.author ->> 'type' = 'Bot', false) as reviewer_is_bot,
        {{ gitlab_timestamp('note.created_at') }} as written_at,
        case
            when coalesce(note.system, 'false') <> 'true' then 'commented'
            when note.body ~* '^approved this merge request' then 'approved'
            when note.body ~* '^unapproved this merge request' then 'dismissed'
            when note.body ~* '^requested changes' then 'changes_requested'
        end as review_state
    from merge_requests
    inner join fetched
        on merge_requests.observation_key = {{ fetched_key('fetched.repo_full_name', 'fetched.iid') }}
    cross join lateral jsonb_path_query(fetched.notes, '$[*] ? (@.type() == "object")') as listed (value)
    cross join lateral jsonb_to_record(listed.value)
        as note (id text, system text, body text, author jsonb, created_at text)
    -- What is written while a merge request is closed answers no request, and deliveries of it are left out too.
    where
        merge_requests.merged_at is not null
        or merge_requests.closed_at is null
        or {{ gitlab_timestamp('note.created_at') }} <= merge_requests.closed_at
),

final as (
    select
        merge_requests.source,
        merge_requests.observation_key || '/' || notes.review_id as observation_key,
        {{ pull_request_observation_columns(without=['source', 'observation_key', 'action', 'revision']) }},
        case when notes.review_state = 'dismissed' then 'dismissed' else 'submitted' end as action,
        notes.review_id,
        notes.reviewer_hash,
        notes.reviewer_is_bot,
        notes.review_state,
        -- Taking an approval back is no review of its own.
        case when notes.review_state <> 'dismissed' then notes.written_at end as submitted_at,
        -- The head at that time.
        coalesce(
            (
                select version ->> 'head_commit_sha'
                from jsonb_path_query(notes.versions, '$[*] ? (@.type() == "object")') as version
                where {{ gitlab_timestamp("version ->> 'created_at'") }} <= notes.written_at
                order by {{ safe_timestamp("version ->> 'created_at'") }} desc
                limit 1
            ),
            merge_requests.head_sha
        ) as reviewed_sha,
        revision.revision
    from notes
    inner join merge_requests on notes.merge_request_observation_key = merge_requests.observation_key
    cross join revision
    where notes.review_state is not null and notes.review_id is not null
)

select * from final
