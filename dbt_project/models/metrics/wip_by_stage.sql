-- How many items stand where now, how long they have stood there, and whether anybody works on them.
{{ config(materialized='table') }}

with work_items as (
    select * from {{ ref('work_items') }}
    where
        current_stage in ('backlog', 'ba', 'dev', 'code_review', 'qa', 'uat')
        and not is_deleted
),

item_streams as (
    select
        work_items.*,
        streams.stream_type,
        streams.stream_id
    from work_items
    cross join lateral (
        select
            'all' as stream_type,
            '{{ all_streams_id() }}'::uuid as stream_id
        union all
        select
            'delivery' as stream_type,
            work_items.delivery_stream_id
        where work_items.delivery_stream_id is not null
        union all
        select distinct
            'tech' as stream_type,
            tech.stream_id
        from unnest(work_items.tech_stream_ids) as tech (stream_id)
    ) as streams
),

final as (
    select
        stream_type,
        stream_id,
        current_stage as pipeline_stage,
        is_active_work,
        count(*)::integer as item_count,
        (count(*) filter (where is_blocked))::integer as blocked_count,
        round(avg(extract(epoch from {{ as_of() }} - entered_stage_at) / 86400)::numeric, 6) as average_age_days,
        round((max(extract(epoch from {{ as_of() }} - entered_stage_at)) / 86400)::numeric, 6) as oldest_age_days,
        {{ as_of() }} as as_of
    from item_streams
    group by stream_type, stream_id, current_stage, is_active_work
)

select * from final
