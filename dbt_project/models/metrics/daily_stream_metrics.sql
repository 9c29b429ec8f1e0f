-- Every metric, for every stream, on every day, over every rolling window. A day without data has a NULL value.
{{
    config(
        materialized='table',
        post_hook="{{ finish_table(
            unique=['(metric_date, stream_type, stream_id, metric_name, window_days, percentile) nulls not distinct'],
            indexes=['(stream_id, metric_name, metric_date)']
        ) }}"
    )
}}

with stream_list as (
    select * from {{ ref('stream_list') }}
),

metric_observations as (
    select * from {{ ref('metric_observations') }}
),

definitions as (
    {{ metric_definition_rows() }}
),

by_day as (
    select
        observation,
        stream_type,
        stream_id,
        observed_on,
        count(*) as observed_count,
        count(value) as valued_count,
        sum(value::numeric) as total
    from metric_observations
    group by observation, stream_type, stream_id, observed_on
),

first_days as (
    select
        observation,
        stream_type,
        stream_id,
        min(observed_on) as first_day,
        -- Before a stream's first deployment its frequency is unknown, not zero.
        min(observed_on) filter (where valued_count > 0) as first_day_with_value
    from by_day
    group by observation, stream_type, stream_id
),

-- The longest window of the first day that is kept reaches back before it.
days as (
    select generated::date as metric_date
    from (
        select
            greatest(
                coalesce(min(observed_on), {{ local_date(as_of()) }}),
                {{ local_date(as_of()) }} - {{ (var('daily_metrics_days') | int) + (windows() | max) }}
            ) as first_day
        from by_day
    ) as history
    cross join generate_series(
        history.first_day::timestamp, ({{ local_date(as_of()) }})::timestamp, interval '1 day'
    ) as generated
),

grid as (
    select
        days.metric_date,
        stream_list.stream_type,
        stream_list.stream_id,
        observations_wanted.observation
    from days
    cross join stream_list
    cross join (
        select distinct observation
        from definitions
    ) as observations_wanted
),

running as (
    select
        grid.metric_date,
        grid.stream_type,
        grid.stream_id,
        grid.observation,
        {%- for window_days in windows() %}
        coalesce(sum(by_day.observed_count) over w{{ window_days }}, 0) as observed_count_{{ window_days }},
        coalesce(sum(by_day.valued_count) over w{{ window_days }}, 0) as valued_count_{{ window_days }},
        sum(by_day.total) over w{{ window_days }} as total_{{ window_days }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from grid
    left join by_day
        on
            grid.metric_date = by_day.observed_on
            and grid.observation = by_day.observation
            and grid.stream_type = by_day.stream_type
            and grid.stream_id = by_day.stream_id
    window
        {%- for window_days in windows() %}
        w{{ window_days }} as (
            partition by grid.observation, grid.stream_type, grid.stream_id
            order by grid.metric_date
            rows between {{ window_days - 1 }} preceding and current row
        ){{ ',' if not loop.last }}
        {%- endfor %}
),

-- Materialised: one look-up for each observation, not one for each metric made of it.
statistics as materialized (
    select
        running.metric_date,
        running.stream_type,
        running.stream_id,
        running.observation,
        windowed.window_days,
        windowed.observed_count,
        windowed.valued_count,
        windowed.total,
        looked_up.percentiles
    from running
    cross join lateral (
        values
        {%- for window_days in windows() %}
        (
            {{ window_days }},
            running.observed_count_{{ window_days }},
            running.valued_count_{{ window_days }},
            running.total_{{ window_days }}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as windowed (window_days, observed_count, valued_count, total)
    left join lateral (
        {{ percentiles_between(
            ref('metric_observations'), 'running.observation', 'running.stream_type', 'running.stream_id',
            'running.metric_date - windowed.window_days + 1', 'running.metric_date'
        ) }}
    ) as looked_up
        on
            windowed.valued_count > 0
            and running.observation in ('{{ distributed_observations() | join("', '") }}')
    where running.metric_date >= {{ local_date(as_of()) }} - {{ var('daily_metrics_days') | int }}
),

valued as (
    select
        statistics.*,
        definitions.metric_name,
        definitions.percentile,
        definitions.metric_unit,
        definitions.statistic,
        case
            when definitions.statistic = 'per_week' then statistics.metric_date >= first_days.first_day_with_value
            when definitions.statistic = 'count' then statistics.metric_date >= first_days.first_day
            else true
        end as is_known
    from statistics
    inner join definitions on statistics.observation = definitions.observation
    left join first_days
        on
            statistics.observation = first_days.observation
            and statistics.stream_type = first_days.stream_type
            and statistics.stream_id = first_days.stream_id
),

final as (
    select
        {{ event_id('daily_stream_metric', [
            'metric_date', 'stream_type', 'stream_id', 'metric_name', 'window_days'
        ]) }} as metric_id,
        metric_date,
        stream_type,
        stream_id,
        metric_name,
        window_days,
        percentile,
        case when is_known then round({{ statistic_value('valued.statistic', 'valued') }}, 6) end as metric_value,
        metric_unit,
        (case when statistic = 'count' then observed_count else valued_count end)::integer as sample_size,
        (case when statistic = 'count' then 0 else observed_count - valued_count end)::integer as excluded_count,
        {{ as_of() }} as computed_at
    from valued
)

select * from final
