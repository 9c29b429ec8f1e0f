{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['landing_id'], 'unique': true},
        {'columns': ['pull_request_key']},
        {'columns': ['revision']},
    ],
) }}

with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'github'
        and event_name = 'pull_request_review'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        {{ github_pull_request_columns() }},
        review.id as review_id,
        review.user ->> 'person_hash' as reviewer_hash,
        coalesce(review.user ->> 'type' = 'Bot', false) as reviewer_is_bot,
        -- REST writes APPROVED, webhooks approved.
        lower(review.state) as review_state,
        {{ safe_timestamp('review.submitted_at') }} as submitted_at,
        review.commit_id as reviewed_sha
    from deliveries
    {{ github_pull_request_laterals() }}
    cross join lateral jsonb_to_record({{ json_object('delivery.review') }})
        as review (id text, "user" jsonb, state text, submitted_at text, commit_id text)
),

final as (
    select
        parsed.*,
        revision.revision
    from parsed
    cross join revision
    where parsed.pull_request_key is not null
)

select * from final
