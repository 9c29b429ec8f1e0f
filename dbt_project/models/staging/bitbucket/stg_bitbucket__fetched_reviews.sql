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
        'touched': 'touched_bitbucket_fetched_reviews',
        'touched_key': 'pull_request_key',
        'volatile': ['revision', 'received_at'],
    },
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with pull_requests as (
    select *
    from {{ ref('stg_bitbucket__fetched_pull_requests') }}
    {% if is_incremental() %}
    where revision > {{ applied_revision() }}
    {% endif %}
),

fetched as (
    select * from {{ source('raw_bitbucket', 'pull_requests') }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

entries as (
    select
        pull_requests.observation_key as pull_request_observation_key,
        fetched.activity,
        kind.review_state,
        kind.entry ->> 'id' as review_id,
        kind.entry -> 'user' as reviewer,
        {{ bitbucket_timestamp("coalesce(kind.entry ->> 'date', kind.entry ->> 'created_on')") }} as submitted_at
    from pull_requests
    inner join fetched
        on pull_requests.observation_key = {{ fetched_key('fetched.repo_full_name', 'fetched.pr_number') }}
    cross join lateral jsonb_path_query(fetched.activity, '$[*] ? (@.type() == "object")') as listed (value)
    cross join lateral (
        values
        ('approved', listed.value -> 'approval'),
        ('changes_requested', listed.value -> 'changes_requested'),
        ('commented', listed.value -> 'comment')
    ) as kind (review_state, entry)
    where jsonb_typeof(kind.entry) = 'object'
),

told as (
    select
        pull_requests.source,
        -- Approvals have no number; nobody decides twice in one second.
        pull_requests.observation_key || '/' || coalesce(
            entries.review_id,
            entries.review_state || '/' || coalesce(entries.reviewer ->> 'person_hash', '')
            || '/' || {{ microseconds('entries.submitted_at') }}
        ) as observation_key,
        {{ pull_request_observation_columns(without=['source', 'observation_key', 'action', 'revision']) }},
        'submitted' as action,
        entries.review_id,
        entries.reviewer ->> 'person_hash' as reviewer_hash,
        {{ is_bitbucket_bot('entries.reviewer') }} as reviewer_is_bot,
        entries.review_state,
        entries.submitted_at,
        -- The head at that time.
        coalesce(
            (
                select lower(entry #>> '{update,source,commit,hash}')
                from jsonb_path_query(entries.activity, '$[*] ? (exists(@.update.source.commit.hash))') as entry
                where {{ bitbucket_timestamp("entry #>> '{update,date}'") }} <= entries.submitted_at
                order by {{ safe_timestamp("entry #>> '{update,date}'") }} desc
                limit 1
            ),
            pull_requests.head_sha
        ) as reviewed_sha,
        revision.revision
    from entries
    inner join pull_requests on entries.pull_request_observation_key = pull_requests.observation_key
    cross join revision
    -- What is written after a pull request was declined answers no request; deliveries of it are left out too.
    where
        entries.submitted_at is not null
        and (
            pull_requests.merged_at is not null
            or pull_requests.closed_at is null
            or entries.submitted_at <= pull_requests.closed_at
        )
),

final as (
    select distinct on (observation_key) *
    from told
    order by observation_key asc
)

select * from final
