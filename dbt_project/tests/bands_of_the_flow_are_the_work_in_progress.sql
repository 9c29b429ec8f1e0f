-- The difference between two neighbouring bands of the cumulative flow is what stood in the stage between them.
with bands as (
    select
        *,
        cumulative_count - lead(cumulative_count) over (
            partition by day, stream_type, stream_id order by stage_order
        ) as difference
    from {{ ref('cumulative_flow') }}
)

select
    bands.*,
    wip_by_day.item_count
from bands
left join {{ ref('wip_by_day') }} as wip_by_day
    on
        bands.day = wip_by_day.day
        and bands.stream_type = wip_by_day.stream_type
        and bands.stream_id = wip_by_day.stream_id
        and bands.stage = wip_by_day.stage
where bands.stage <> 'done' and bands.difference is distinct from wip_by_day.item_count
