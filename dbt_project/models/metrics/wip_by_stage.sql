-- How many items stand where now, how long they have stood there, and whether anybody works on them.
{{ config(materialized='table') }}

with work_items as (
    select * from {{ ref('work_items') }}
    where
        current_stage in ('backlog', 'ba', 'dev', 'code_review', 'qa', 'uat')
        and not is_deleted
        and not is_out_of_scope
),

business_calendar as (
    select * from {{ ref('business_calendar') }}
),

aged as (
    select
        work_items.*,
        {{ business_days(
            business_clock('work_items.entered_stage_at', 'entry_day'), business_clock(as_of(), 'today')
        ) }} as age_days
    from work_items
    left join business_calendar as entry_day on {{ local_date('work_items.entered_stage_at') }} = entry_day.day
    left join business_calendar as today on {{ local_date(as_of()) }} = today.day
),

item_streams as (
    select
        aged.*,
        streams.stream_type,
        streams.stream_id
    from aged
    cross join lateral (
        select
            'all' as stream_type,
            '{{ all_streams_id() }}'::uuid as stream_id
        union all
        select
            'delivery' as stream_type,
            aged.delivery_stream_id
        where aged.delivery_stream_id is not null
        union all
        select distinct
            'tech' as stream_type,
            tech.stream_id
        from unnest(aged.tech_stream_ids) as tech (stream_id)
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
        round(avg(age_days), 6) as average_age_days,
        round(max(age_days), 6) as oldest_age_days,
        {{ as_of() }} as as_of
    from item_streams
    group by stream_type, stream_id, current_stage, is_active_work
)

select * from final
