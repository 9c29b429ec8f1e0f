-- How old the items of the last months were when they left each stage, and when they were done: the pace that an item in
-- progress is measured against.
{{ config(materialized='table') }}

with completed as (
    select
        ticket_id,
        delivery_stream_id,
        tech_stream_ids,
        first_in_progress,
        completed_at,
        cycle_time_days
    from {{ ref('work_item_cycles') }}
    where
        cycle_time_days is not null
        and completed_at <= {{ as_of() }}
        and {{ local_date('completed_at') }} > {{ local_date(as_of()) }} - {{ var('pace_history_days') | int }}
),

stage_intervals as (
    select * from {{ ref('work_item_stage_intervals') }}
    where {{ is_work_in_progress('stage') }}
),

business_calendar as (
    select * from {{ ref('business_calendar') }}
),

-- An item that came back leaves a stage when it leaves it for the last time.
departures as (
    select
        completed.ticket_id,
        stage_intervals.stage,
        max(stage_intervals.ended_at) as left_at
    from completed
    inner join stage_intervals on completed.ticket_id = stage_intervals.ticket_id
    where stage_intervals.ended_at > completed.first_in_progress
    group by completed.ticket_id, stage_intervals.stage
),

ages as (
    select
        completed.delivery_stream_id,
        completed.tech_stream_ids,
        departures.stage,
        {{ business_days(
            business_clock('completed.first_in_progress', 'start_day'), business_clock('departures.left_at', 'end_day')
        ) }} as age_days
    from departures
    inner join completed on departures.ticket_id = completed.ticket_id
    inner join business_calendar as start_day on start_day.day = {{ local_date('completed.first_in_progress') }}
    inner join business_calendar as end_day on end_day.day = {{ local_date('departures.left_at') }}
    union all
    select
        delivery_stream_id,
        tech_stream_ids,
        'done',
        cycle_time_days
    from completed
),

by_stream as (
    select
        streams.stream_type,
        streams.stream_id,
        ages.stage,
        count(*)::integer as item_count,
        percentile_cont(array[0.5, 0.85, 0.95]) within group (order by ages.age_days::double precision) as percentiles
    from ages
    cross join lateral (
        {{- streams_of('array_remove(array[ages.delivery_stream_id], null)', 'ages.tech_stream_ids') }}
    ) as streams
    group by streams.stream_type, streams.stream_id, ages.stage
),

final as (
    select
        stream_type,
        stream_id,
        stage,
        item_count,
        round(percentiles[1]::numeric, 6) as age_p50_days,
        round(percentiles[2]::numeric, 6) as age_p85_days,
        round(percentiles[3]::numeric, 6) as age_p95_days
    from by_stream
)

select * from final
