-- How long the items completed in each rolling window had waited in each queue.
{{ config(materialized='table') }}

with completed as (
    select
        cycles.ticket_id,
        streams.stream_type,
        streams.stream_id,
        {{ local_date('cycles.completed_at') }} as completed_on,
        cycles.stage_durations
    from {{ ref('work_item_cycles') }} as cycles
    cross join lateral (
        {{- streams_of('array_remove(array[cycles.delivery_stream_id], null)', 'cycles.tech_stream_ids') }}
    ) as streams
    where
        cycles.completed_at <= {{ as_of() }}
        and cycles.completed_at >= {{ day_starts_at('(' ~ local_date(as_of()) ~ ' - ' ~ (windows() | max - 1) ~ ')') }}
),

waits as (
    select
        completed.stream_type,
        completed.stream_id,
        completed.completed_on,
        queues.name as queue,
        queues.days::numeric as days
    from completed
    cross join lateral jsonb_each_text(completed.stage_durations) as queues (name, days)
    where queues.name like '%\_queue'
),

windows as (
    select window_days
    from unnest(array{{ windows() }}) as listed (window_days)
),

all_completed as (
    select
        windows.window_days,
        completed.stream_type,
        completed.stream_id,
        count(*) as completed_count
    from windows
    inner join completed on completed.completed_on > {{ local_date(as_of()) }} - windows.window_days
    group by windows.window_days, completed.stream_type, completed.stream_id
),

waited as (
    select
        windows.window_days,
        waits.stream_type,
        waits.stream_id,
        waits.queue,
        count(*) as item_count,
        avg(waits.days) as average_days,
        sum(waits.days) as total_days,
        percentile_cont(array[0.5, 0.85, 0.95]) within group (order by waits.days::double precision) as percentiles
    from windows
    inner join waits on waits.completed_on > {{ local_date(as_of()) }} - windows.window_days
    group by windows.window_days, waits.stream_type, waits.stream_id, waits.queue
),

final as (
    select
        waited.window_days,
        waited.stream_type,
        waited.stream_id,
        waited.queue,
        regexp_replace(waited.queue, '_queue$', '') as stage,
        waited.item_count::integer as item_count,
        all_completed.completed_count::integer as completed_count,
        round(waited.average_days, 6) as average_days,
        round(waited.percentiles[1]::numeric, 6) as p50_days,
        round(waited.percentiles[2]::numeric, 6) as p85_days,
        round(waited.percentiles[3]::numeric, 6) as p95_days,
        round(waited.total_days, 6) as total_days,
        -- Of all waiting in queues of the stream; NULL where nobody waited at all.
        round(
            waited.total_days * 100 / nullif(sum(waited.total_days) over (
                partition by waited.window_days, waited.stream_type, waited.stream_id
            ), 0),
            4
        ) as share_of_waiting_pct,
        {{ as_of() }} as as_of
    from waited
    inner join all_completed
        on
            waited.window_days = all_completed.window_days
            and waited.stream_type = all_completed.stream_type
            and waited.stream_id = all_completed.stream_id
)

select * from final
