-- Whether one person does most of a stream's reviews; who that is stands nowhere here (004 §6.3.3, §4.6).
{{ config(indexes=[{'columns': ['tech_stream_id', 'window_name', 'window_start'], 'unique': true}]) }}

with events as (
    select
        pull_request_key,
        tech_stream_id,
        event_type,
        event_timestamp,
        {{ local_date('event_timestamp') }} as happened_on,
        author_hash,
        author_is_bot,
        reviewer_hash,
        reviewer_is_bot
    from {{ ref('pr_events') }}
    where tech_stream_id is not null and event_timestamp <= {{ as_of() }}
),

pull_requests as (
    select
        pull_request_key,
        closed_at
    from {{ ref('pull_requests') }}
),

-- What counts as a review, as in pr_cycles: by a person who is not the author, before the end.
reviews as (
    select
        events.tech_stream_id,
        events.happened_on,
        events.reviewer_hash,
        count(*) as review_count
    from events
    inner join pull_requests on events.pull_request_key = pull_requests.pull_request_key
    where
        events.event_type = 'review_submitted'
        and events.reviewer_hash is not null
        and not events.reviewer_is_bot
        and events.reviewer_hash is distinct from events.author_hash
        and {{ counts_for_metrics('events.author_is_bot') }}
        and (pull_requests.closed_at is null or events.event_timestamp < pull_requests.closed_at)
    group by events.tech_stream_id, events.happened_on, events.reviewer_hash
),

contributions as (
    select
        tech_stream_id,
        happened_on,
        author_hash as person_hash
    from events
    where event_type in ('opened', 'merged', 'closed') and author_hash is not null and not author_is_bot
    union
    select
        tech_stream_id,
        happened_on,
        reviewer_hash
    from events
    where event_type = 'review_submitted' and reviewer_hash is not null and not reviewer_is_bot
),

by_reviewer as (
    select
        reviews.tech_stream_id,
        windows.window_name,
        windows.window_start,
        windows.window_end,
        reviews.reviewer_hash,
        sum(reviews.review_count) as review_count
    from reviews
    cross join lateral (
        {{- windows_of_a_day('reviews.happened_on') }}
    ) as windows (window_name, window_start, window_end)
    where reviews.happened_on >= windows.window_start
    group by
        reviews.tech_stream_id,
        windows.window_name,
        windows.window_start,
        windows.window_end,
        reviews.reviewer_hash
),

shares as (
    select
        tech_stream_id,
        window_name,
        window_start,
        window_end,
        sum(review_count)::integer as review_count,
        count(*)::integer as reviewer_count,
        max(review_count) * 100 / sum(review_count) as largest_share_pct
    from by_reviewer
    group by tech_stream_id, window_name, window_start, window_end
),

contributors as (
    select
        contributions.tech_stream_id,
        windows.window_name,
        windows.window_start,
        count(distinct contributions.person_hash) as contributor_count
    from contributions
    cross join lateral (
        {{- windows_of_a_day('contributions.happened_on') }}
    ) as windows (window_name, window_start, window_end)
    where contributions.happened_on >= windows.window_start
    group by contributions.tech_stream_id, windows.window_name, windows.window_start
),

safeguarded as (
    select
        shares.*,
        {{ is_small_team('contributors.contributor_count') }} as has_small_team
    from shares
    left join contributors
        on
            shares.tech_stream_id = contributors.tech_stream_id
            and shares.window_name = contributors.window_name
            and shares.window_start = contributors.window_start
),

final as (
    select
        tech_stream_id,
        window_name,
        window_start,
        window_end,
        review_count,
        case when not has_small_team then reviewer_count end as reviewer_count,
        case when not has_small_team then trim_scale(round(largest_share_pct, 4)) end as largest_share_pct,
        largest_share_pct > {{ var('reviewer_concentration_pct') }} as is_concentrated,
        has_small_team
    from safeguarded
)

select * from final
