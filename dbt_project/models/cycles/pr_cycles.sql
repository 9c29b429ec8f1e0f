{{ config(
    incremental_strategy='replace_touched',
    unique_key='cycle_id',
    indexes=[
        {'columns': ['cycle_id'], 'unique': true},
        {'columns': ['repo_full_name', 'pr_number'], 'unique': true},
        {'columns': ['tech_stream_id', 'merged_at']},
        {'columns': ['delivery_stream_id', 'merged_at']},
    ],
    meta={'touched': 'touched_pull_request_cycles', 'touched_key': 'cycle_id'},
    pre_hook="{{ begin_build(\"'\" ~ var('small_team_minimum') ~ ' ' ~ var('timezone') ~ \"'\") }}",
    post_hook="{{ end_build() }}",
) }}

with pull_requests as (
    select
        {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }} as cycle_id,
        *
    from {{ ref('pull_requests') }}
),

ended as (
    select *
    from pull_requests
    where
        state in ('merged', 'closed')
        {% if is_incremental() %}
        and cycle_id in ({{ touched_pull_request_cycles() }})
        {% endif %}
),

review_events as (
    select *
    from {{ ref('pr_events') }}
    where event_type = 'review_submitted'
),

contributors as (
    select * from {{ ref('tech_stream_contributors') }}
),

-- What counts as a review: by a person who is not the author, before the end.
reviews as (
    select
        ended.pull_request_key,
        review_events.event_timestamp as submitted_at,
        review_events.reviewer_hash,
        review_events.review_state,
        review_events.reviewed_sha,
        -- A look at a draft is no answer to "please review".
        coalesce(review_events.event_timestamp >= ended.ready_at, false) as is_after_ready,
        ended.head_sha
    from ended
    inner join review_events on review_events.pull_request_key = ended.pull_request_key
    where
        not review_events.reviewer_is_bot
        and review_events.reviewer_hash is distinct from ended.author_hash
        and review_events.event_timestamp < ended.closed_at
),

review_facts as (
    select
        pull_request_key,
        min(submitted_at) filter (where is_after_ready) as first_review_at,
        min(submitted_at) filter (where is_after_ready and review_state = 'approved') as approved_at,
        count(*)::integer as review_rounds,
        array_agg(distinct reviewer_hash) filter (where reviewer_hash is not null) as reviewer_hashes,
        count(distinct reviewer_hash)::integer as reviewer_count,
        -- Changes were asked for, and the head moved on from what was looked at.
        count(distinct reviewed_sha) filter (
            where review_state = 'changes_requested' and reviewed_sha is distinct from head_sha
        )::integer as rework_cycles
    from reviews
    group by pull_request_key
),

final as (
    select
        ended.cycle_id,
        ended.repo_id,
        ended.tech_stream_id,
        ended.delivery_stream_id,
        ended.pr_number,
        ended.linked_ticket_id,
        case when not safeguard.has_small_team then ended.author_hash end as author_hash,
        ended.opened_at,
        review_facts.first_review_at,
        review_facts.approved_at,
        ended.merged_at,
        {{ hours_between('ended.ready_at', 'review_facts.first_review_at') }} as time_to_first_review_hrs,
        {{ hours_between('ended.opened_at', 'ended.merged_at') }} as time_to_merge_hrs,
        coalesce(review_facts.review_rounds, 0) as review_rounds,
        case when not safeguard.has_small_team then coalesce(review_facts.reviewer_hashes, '{}') end as reviewer_hashes,
        coalesce(review_facts.reviewer_count, 0) as reviewer_count,
        ended.lines_added + ended.lines_removed as lines_changed,
        ended.files_changed,
        ended.repo_full_name,
        ended.closed_at,
        ended.merge_commit_sha,
        ended.first_commit_at,
        ended.is_bot,
        ended.is_hotfix,
        ended.base_branch,
        coalesce(review_facts.rework_cycles, 0) as rework_cycles,
        ended.state,
        ended.ready_at,
        safeguard.has_small_team
    from ended
    left join review_facts on review_facts.pull_request_key = ended.pull_request_key
    left join contributors
        on
            contributors.tech_stream_id = ended.tech_stream_id
            and contributors.quarter_start = {{ quarter_of('ended.closed_at') }}
    cross join lateral (
        select {{ is_small_team('contributors.contributor_count') }} as has_small_team
    ) as safeguard
)

select * from final
