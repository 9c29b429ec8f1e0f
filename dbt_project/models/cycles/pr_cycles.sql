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
    pre_hook="{{ begin_build(
        \"'\" ~ var('small_team_minimum') ~ ' ' ~ var('timezone') ~ \"' || \" ~ repository_names_fingerprint()
    ) }}",
    post_hook="{{ end_build() }}",
) }}

-- depends_on: {{ ref('repository_names') }}

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
        coalesce(review_events.is_dismissed, false) as is_dismissed,
        -- A look at a draft is no answer to "please review".
        coalesce(review_events.event_timestamp >= ended.ready_at, false) as is_after_ready,
        ended.head_sha
    from ended
    inner join review_events on ended.pull_request_key = review_events.pull_request_key
    where
        not review_events.reviewer_is_bot
        and review_events.reviewer_hash is distinct from ended.author_hash
        and review_events.event_timestamp < ended.closed_at
),

review_facts as (
    select
        pull_request_key,
        min(submitted_at) filter (where is_after_ready) as first_review_at,
        -- A dismissed approval is none any more.
        min(submitted_at) filter (
            where is_after_ready and review_state = 'approved' and not is_dismissed
        ) as approved_at,
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

safeguarded as (
    select
        ended.*,
        {{ is_small_team('contributors.contributor_count') }} as has_small_team
    from ended
    left join contributors
        on
            ended.tech_stream_id = contributors.tech_stream_id
            and contributors.quarter_start = {{ quarter_of('ended.closed_at') }}
),

final as (
    select
        safeguarded.cycle_id,
        safeguarded.repo_id,
        safeguarded.tech_stream_id,
        safeguarded.delivery_stream_id,
        safeguarded.pr_number,
        safeguarded.linked_ticket_id,
        case when not safeguarded.has_small_team then safeguarded.author_hash end as author_hash,
        safeguarded.opened_at,
        review_facts.first_review_at,
        review_facts.approved_at,
        safeguarded.merged_at,
        {{ hours_between('safeguarded.ready_at', 'review_facts.first_review_at') }} as time_to_first_review_hrs,
        {{ hours_between('safeguarded.opened_at', 'safeguarded.merged_at') }} as time_to_merge_hrs,
        coalesce(review_facts.review_rounds, 0) as review_rounds,
        case
            when not safeguarded.has_small_team then coalesce(review_facts.reviewer_hashes, '{}')
        end as reviewer_hashes,
        coalesce(review_facts.reviewer_count, 0) as reviewer_count,
        safeguarded.lines_added + safeguarded.lines_removed as lines_changed,
        safeguarded.files_changed,
        safeguarded.repo_full_name,
        safeguarded.closed_at,
        safeguarded.merge_commit_sha,
        safeguarded.first_commit_at,
        safeguarded.is_bot,
        safeguarded.is_hotfix,
        safeguarded.base_branch,
        coalesce(review_facts.rework_cycles, 0) as rework_cycles,
        safeguarded.state,
        safeguarded.ready_at,
        safeguarded.has_small_team
    from safeguarded
    left join review_facts on safeguarded.pull_request_key = review_facts.pull_request_key
)

select * from final
