{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='event_id',
    indexes=[
        {'columns': ['event_id'], 'unique': true},
        {'columns': ['pull_request_key']},
        {'columns': ['linked_ticket_id']},
        {'columns': ['tech_stream_id', 'event_timestamp']},
        {'columns': ['repo_id', 'pr_number']},
        {'columns': ['revision']},
    ],
    meta={'touched': 'touched_pull_request_events', 'touched_key': 'pull_request_key', 'volatile': ['revision']},
    pre_hook="{{ begin_build(configuration_fingerprint(['bots']) ~ ' || ' ~ repository_names_fingerprint()) }}",
    post_hook="{{ end_build() }}",
) }}

with pull_requests as (
    select *
    from {{ ref('pull_requests') }}
    {% if is_incremental() %}
    where revision > {{ applied_revision() }}
    {% endif %}
),

observations as (
    {{ union_of_sources(pull_request_sources(), pull_request_observation_columns()) }}
),

review_observations as (
    {{ union_of_sources(review_sources(), review_observation_columns()) }}
),

said as (
    {{- said_keys('pull_requests') }}
),

observed as (
    select
        said.pull_request_key,
        said.repo_full_name,
        {{ pull_request_observation_columns(without=['pull_request_key', 'repo_full_name']) }}
    from observations
    inner join said on observations.pull_request_key = said.said_key
),

observed_reviews as (
    select
        said.pull_request_key,
        {{ pull_request_observation_columns(without=['pull_request_key', 'repo_full_name']) }},
        reviewer_hash,
        reviewer_is_bot,
        review_state,
        submitted_at,
        reviewed_sha
    from review_observations
    inner join said on review_observations.pull_request_key = said.said_key
),

bots as (
    select person_hash from {{ source('config', 'bots') }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

-- Any observation tells when the pull request was opened; the delivery of its opening tells it best.
opened as (
    select distinct on (pull_request_key)
        pull_request_key,
        received_at
    from (
        select
            pull_request_key,
            received_at,
            action,
            updated_at,
            is_fetched,
            landing_id,
            observation_key
        from observed
        union all
        select
            pull_request_key,
            received_at,
            action,
            updated_at,
            is_fetched,
            landing_id,
            observation_key
        from observed_reviews
    ) as any_observation
    order by pull_request_key asc, (action = 'opened') desc, updated_at, {{ oldest_telling() }}
),

merged as (
    select distinct on (pull_request_key)
        pull_request_key,
        received_at
    from observed
    where merged_at is not null
    order by pull_request_key asc, (action = 'closed') desc, updated_at, {{ oldest_telling() }}
),

-- A pull request may be closed, reopened and closed again.
closed as (
    select distinct on (pull_request_key, closed_at)
        pull_request_key,
        closed_at,
        received_at
    from observed
    where closed_at is not null and merged_at is null
    order by pull_request_key asc, closed_at asc, (action = 'closed') desc, updated_at, {{ oldest_telling() }}
),

-- An edited or dismissed review keeps what it was when it was submitted; that it was dismissed stands beside it.
reviews as (
    select distinct on (pull_request_key, reviewer_hash, submitted_at)
        pull_request_key,
        reviewer_hash,
        reviewer_is_bot,
        review_state,
        coalesce(reviewed_sha, head_sha) as reviewed_sha,
        submitted_at,
        received_at,
        bool_or(review_state = 'dismissed') over (
            partition by pull_request_key, reviewer_hash, submitted_at
        ) as is_dismissed
    from observed_reviews
    where submitted_at is not null
    order by pull_request_key asc, reviewer_hash asc, submitted_at asc, (action = 'submitted') desc, {{ oldest_telling() }}
),

happened as (
    select
        pull_requests.pull_request_key,
        'opened' as event_type,
        pull_requests.opened_at as event_timestamp,
        coalesce(
            opened.received_at, {{ load_time('pull_requests.git_load_id') }}, pull_requests.opened_at
        ) as received_at,
        opened.pull_request_key is null as is_inferred,
        null::text as reviewer_hash,
        false as reviewer_is_bot,
        null::text as review_state,
        null::text as reviewed_sha,
        null::boolean as is_dismissed
    from pull_requests
    left join opened on pull_requests.pull_request_key = opened.pull_request_key
    union all
    select
        pull_requests.pull_request_key,
        'merged',
        pull_requests.merged_at,
        coalesce(merged.received_at, {{ load_time('pull_requests.git_load_id') }}, pull_requests.merged_at),
        merged.pull_request_key is null,
        null,
        false,
        null,
        null,
        null
    from pull_requests
    left join merged on pull_requests.pull_request_key = merged.pull_request_key
    where pull_requests.merged_at is not null
    union all
    select
        pull_request_key,
        'closed',
        closed_at,
        received_at,
        false,
        null,
        false,
        null,
        null,
        null
    from closed
    union all
    -- Every review is a submission; what it decided is an event of its own beside it.
    select
        reviews.pull_request_key,
        decided.event_type,
        reviews.submitted_at,
        reviews.received_at,
        false,
        reviews.reviewer_hash,
        reviews.reviewer_is_bot,
        reviews.review_state,
        reviews.reviewed_sha,
        reviews.is_dismissed
    from reviews
    cross join lateral unnest(array['review_submitted', reviews.review_state]) as decided (event_type)
    where decided.event_type in ('review_submitted', 'approved', 'changes_requested')
),

final as (
    select
        {{ event_id('pull_request', [
            'pull_requests.repo_full_name', 'pull_requests.pr_number', 'happened.event_type',
            microseconds('happened.event_timestamp'), 'happened.reviewer_hash',
        ]) }} as event_id,
        pull_requests.source,
        pull_requests.delivery_stream_id,
        pull_requests.tech_stream_id,
        happened.received_at,
        happened.event_timestamp,
        happened.event_type,
        pull_requests.pr_number,
        pull_requests.repo_id,
        pull_requests.github_org,
        pull_requests.github_repo,
        pull_requests.author_hash,
        pull_requests.branch_name,
        pull_requests.linked_ticket_id,
        pull_requests.base_branch,
        case when happened.event_type in ('opened', 'merged', 'closed') then pull_requests.lines_added end as lines_added,
        case when happened.event_type in ('opened', 'merged', 'closed') then pull_requests.lines_removed end as lines_removed,
        case when happened.event_type in ('opened', 'merged', 'closed') then pull_requests.files_changed end as files_changed,
        happened.reviewer_hash,
        happened.review_state,
        case when happened.event_type in ('opened', 'merged', 'closed') then pull_requests.comments_count end as comments_count,
        pull_requests.pull_request_key,
        pull_requests.repo_full_name,
        pull_requests.is_bot as author_is_bot,
        happened.reviewer_is_bot or bots.person_hash is not null as reviewer_is_bot,
        happened.reviewed_sha,
        happened.is_dismissed,
        happened.is_inferred,
        revision.revision
    from happened
    inner join pull_requests on happened.pull_request_key = pull_requests.pull_request_key
    cross join revision
    left join bots on happened.reviewer_hash = bots.person_hash
)

select * from final
