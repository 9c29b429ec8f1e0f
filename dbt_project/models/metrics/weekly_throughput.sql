-- Items completed in each ISO week, zero weeks included, the unfinished week left out: what a forecast samples from.
{{ config(materialized='table') }}

with completions as (
    select * from {{ ref('metric_observation_days') }}
    where observation = 'cycle_time'
),

first_weeks as (
    select
        stream_type,
        stream_id,
        date_trunc('week', min(observed_on))::date as first_week
    from completions
    group by stream_type, stream_id
),

weeks as (
    select
        first_weeks.stream_type,
        first_weeks.stream_id,
        generated::date as week_start
    from first_weeks
    cross join generate_series(
        first_weeks.first_week::timestamp,
        date_trunc('week', ({{ local_date(as_of()) }})::timestamp) - interval '1 week',
        interval '1 week'
    ) as generated
),

completed as (
    select
        stream_type,
        stream_id,
        date_trunc('week', observed_on)::date as week_start,
        sum(observed_count) as completed_count
    from completions
    group by stream_type, stream_id, date_trunc('week', observed_on)::date
),

final as (
    select
        weeks.stream_type,
        weeks.stream_id,
        weeks.week_start,
        coalesce(completed.completed_count, 0)::integer as completed_count
    from weeks
    left join completed
        on
            weeks.stream_type = completed.stream_type
            and weeks.stream_id = completed.stream_id
            and weeks.week_start = completed.week_start
)

select * from final
