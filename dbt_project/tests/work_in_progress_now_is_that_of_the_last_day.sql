-- What stands where now is what stood there at the end of the last day. Not asserted: streams that are no longer
-- active, of which the days keep nothing, and items whose events are dated after the day of the build.
with now as (
    select
        wip.stream_type,
        wip.stream_id,
        wip.pipeline_stage as stage,
        sum(wip.item_count) as item_count
    from {{ ref('wip_by_stage') }} as wip
    inner join {{ ref('stream_list') }} as streams
        on wip.stream_type = streams.stream_type and wip.stream_id = streams.stream_id
    group by wip.stream_type, wip.stream_id, wip.pipeline_stage
),

last_day as (
    select *
    from {{ ref('wip_by_day') }}
    where day = {{ local_date(as_of()) }} and item_count > 0
)

select
    now.*,
    last_day.item_count as last_day_count
from now
full outer join last_day
    on
        now.stream_type = last_day.stream_type
        and now.stream_id = last_day.stream_id
        and now.stage = last_day.stage
where
    now.item_count is distinct from last_day.item_count
    and not exists (
        select 1
        from {{ ref('work_item_paths') }} as paths
        where paths.last_day > {{ local_date(as_of()) }}
    )
