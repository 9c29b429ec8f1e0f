{{ config(materialized='table') }}

with events as (
    select * from {{ ref('pr_events') }}
),

contributions as (
    select tech_stream_id, {{ quarter_of('event_timestamp') }} as quarter_start, author_hash as person_hash
    from events
    where event_type in ('opened', 'merged', 'closed') and author_hash is not null and not author_is_bot
    union
    select tech_stream_id, {{ quarter_of('event_timestamp') }}, reviewer_hash
    from events
    where event_type = 'review_submitted' and reviewer_hash is not null and not reviewer_is_bot
),

final as (
    select
        tech_stream_id,
        quarter_start,
        count(*)::integer as contributor_count
    from contributions
    where tech_stream_id is not null
    group by tech_stream_id, quarter_start
)

select * from final
