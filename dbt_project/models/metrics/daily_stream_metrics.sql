-- Every metric, for every stream, on every day, over every window. A day without data has a NULL value.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_metric_days',
    indexes=[
        {'columns': ['metric_id'], 'unique': true},
        {'columns': ['stream_id', 'metric_name', 'metric_date']},
    ],
    pre_hook=["{{ begin_build(daily_metrics_fingerprint()) }}", "{{ find_touched_metric_days() }}"],
    post_hook=[
        "{{ keep_sprint_windows() }}",
        "{{ end_build(
            unique=[
                '(metric_date, stream_type, stream_id, metric_name, window_name, percentile, segment) '
                ~ 'nulls not distinct'
            ],
            indexes=[\"(metric_date) where window_name = ''day''\"]
        ) }}",
        "{{ forget_applied_changes() }}",
    ],
) }}

with stream_list as (
    select * from {{ ref('stream_list') }}
),

{% if is_incremental() -%}
touched as (
    select * from touched_metric_days
),

{% endif -%}
sprint_windows as (
    {{ sprint_windows() }}
),

longest_sprint as (
    select coalesce(max(metric_date - window_start), 0) + 1 as days
    from sprint_windows
),

observation_days as (
    select days.*
    from {{ ref('metric_observation_days') }} as days
    inner join stream_list on days.stream_type = stream_list.stream_type and days.stream_id = stream_list.stream_id
    where
        days.observed_on <= {{ last_metric_day() }}
        and {{ is_one_of('days.observation', observations_with([
            'p50', 'p85', 'p95', 'mean', 'sum', 'count', 'per_week', 'share', 'ratio_of_sums'
        ])) }}
),

segments as (
    select
        observation,
        stream_type,
        stream_id,
        segment,
        min(observed_on) as first_day,
        min(observed_on) filter (where valued_count > 0) as first_day_with_value,
        min(min(observed_on)) over (partition by observation, stream_type, stream_id) as first_day_of_all
    from observation_days
    group by observation, stream_type, stream_id, segment
),

-- A series is added up from the longest window, or sprint, before its first wanted day on, or from its observation's
-- beginning: the shares of a segment that began later are of all that was observed in the window.
series as (
    select
        segments.*,
        {%- if is_incremental() %}
        greatest(
            segments.first_day_of_all,
            touched_ranges.first_touched - greatest({{ windows() | max }}, longest_sprint.days)
        ) as summed_from,
        touched_ranges.last_touched as last_day
        {%- else %}
        greatest(
            segments.first_day_of_all, {{ first_metric_day() }} - greatest({{ windows() | max }}, longest_sprint.days)
        ) as summed_from,
        {{ last_metric_day() }} as last_day
        {%- endif %}
    from segments
    cross join longest_sprint
    {%- if is_incremental() %}
    inner join (
        select
            observation,
            stream_type,
            stream_id,
            min(metric_date) as first_touched,
            max(metric_date) as last_touched
        from touched
        group by observation, stream_type, stream_id
    ) as touched_ranges
        on
            segments.observation = touched_ranges.observation
            and segments.stream_type = touched_ranges.stream_type
            and segments.stream_id = touched_ranges.stream_id
    {%- endif %}
),

all_segments as (
    select
        observation,
        stream_type,
        stream_id,
        observed_on,
        sum(observed_count) as observed_count
    from observation_days
    where {{ is_one_of('observation', shared_observations()) }}
    group by observation, stream_type, stream_id, observed_on
),

-- What each day adds. Days without observations are zeros beside the others: joining every day to what was observed on
-- it compares each day with all days of its series.
steps as (
    select
        series.observation,
        series.stream_type,
        series.stream_id,
        series.segment,
        grid.day::date as metric_date,
        0 as observed_count,
        0 as valued_count,
        0 as total,
        0 as total_weight,
        0 as all_observed_count
    from series
    cross join generate_series(series.summed_from::timestamp, series.last_day::timestamp, interval '1 day')
        as grid (day)
    union all
    select
        series.observation,
        series.stream_type,
        series.stream_id,
        series.segment,
        days.observed_on as metric_date,
        days.observed_count,
        days.valued_count,
        days.total,
        days.total_weight,
        0 as all_observed_count
    from series
    inner join observation_days as days
        on
            series.observation = days.observation
            and series.stream_type = days.stream_type
            and series.stream_id = days.stream_id
            and series.segment = days.segment
    where days.observed_on between series.summed_from and series.last_day
    union all
    select
        series.observation,
        series.stream_type,
        series.stream_id,
        series.segment,
        all_segments.observed_on as metric_date,
        0 as observed_count,
        0 as valued_count,
        0 as total,
        0 as total_weight,
        all_segments.observed_count as all_observed_count
    from series
    inner join all_segments
        on
            series.observation = all_segments.observation
            and series.stream_type = all_segments.stream_type
            and series.stream_id = all_segments.stream_id
    where all_segments.observed_on between series.summed_from and series.last_day
),

-- Running sums: a window is the difference of two of them.
running as (
    select
        observation,
        stream_type,
        stream_id,
        segment,
        metric_date,
        sum(coalesce(sum(observed_count), 0)) over so_far as observed_count,
        sum(coalesce(sum(valued_count), 0)) over so_far as valued_count,
        sum(coalesce(sum(total), 0)) over so_far as total,
        sum(coalesce(sum(total_weight), 0)) over so_far as total_weight,
        sum(coalesce(sum(all_observed_count), 0)) over so_far as all_observed_count
    from steps
    group by observation, stream_type, stream_id, segment, metric_date
    window so_far as (
        partition by observation, stream_type, stream_id, segment
        order by metric_date
        rows unbounded preceding
    )
),

wanted as (
    select
        running.*,
        segments.first_day_with_value
    from running
    inner join segments
        on
            running.observation = segments.observation
            and running.stream_type = segments.stream_type
            and running.stream_id = segments.stream_id
            and running.segment = segments.segment
    {%- if is_incremental() %}
    inner join touched
        on
            running.observation = touched.observation
            and running.stream_type = touched.stream_type
            and running.stream_id = touched.stream_id
            and running.metric_date = touched.metric_date
    {%- endif %}
    where running.metric_date >= greatest({{ first_metric_day() }}, segments.first_day)
),

windows as (
    select
        wanted.*,
        rolling.window_name,
        wanted.metric_date - rolling.window_days + 1 as window_start
    from wanted
    cross join (
        values
        {%- for window_days in windows() %}
        ('{{ window_days }}d', {{ window_days }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as rolling (window_name, window_days)
    union all
    select
        wanted.*,
        'sprint',
        sprint_windows.window_start
    from wanted
    inner join sprint_windows
        on
            wanted.stream_type = 'delivery'
            and wanted.stream_id = sprint_windows.stream_id
            and wanted.metric_date = sprint_windows.metric_date
),

windowed as (
    select
        windows.observation,
        windows.stream_type,
        windows.stream_id,
        windows.segment,
        windows.first_day_with_value,
        windows.metric_date,
        windows.metric_date as last_day,
        windows.window_name,
        windows.window_start,
        windows.metric_date - windows.window_start + 1 as window_days,
        windows.observed_count - coalesce(before.observed_count, 0) as observed_count,
        windows.valued_count - coalesce(before.valued_count, 0) as valued_count,
        windows.total - coalesce(before.total, 0) as total,
        windows.total_weight - coalesce(before.total_weight, 0) as total_weight,
        windows.all_observed_count - coalesce(before.all_observed_count, 0) as all_observed_count
    from windows
    left join running as before
        on
            windows.observation = before.observation
            and windows.stream_type = before.stream_type
            and windows.stream_id = before.stream_id
            and windows.segment = before.segment
            and windows.window_start - 1 = before.metric_date
),

-- Materialised: one look-up for each observation, not one for each metric made of it.
statistics as materialized (
    select
        windowed.*,
        looked_up.percentiles
    from windowed
    left join lateral (
        {{ percentiles_between(
            ref('metric_observations'), 'windowed', 'windowed.window_start', 'windowed.metric_date'
        ) }}
    ) as looked_up
        on windowed.valued_count > 0 and {{ is_one_of('windowed.observation', distributed_observations()) }}
),

valued as (
    {{ metrics_of_statistics('statistics', [
        'metric_date', 'stream_type', 'stream_id', 'window_name', 'window_days', 'window_start'
    ]) }}
),

states as (
    {%- for state in state_metric_sources() %}
    select
        metric_date, stream_type, stream_id, metric_name, segment, percentile, metric_value, sample_size, excluded_count
    from ({{ state }}) as state
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

united as (
    select
        metric_date,
        stream_type,
        stream_id,
        metric_name,
        window_name,
        window_days,
        window_start,
        percentile,
        segment,
        metric_value,
        metric_unit,
        sample_size,
        excluded_count
    from valued
    union all
    select
        states.metric_date,
        states.stream_type,
        states.stream_id,
        states.metric_name,
        'day' as window_name,
        1 as window_days,
        states.metric_date as window_start,
        states.percentile,
        states.segment,
        round(states.metric_value, 6),
        state_metrics.metric_unit,
        states.sample_size,
        states.excluded_count
    from states
    inner join ({{ state_metric_rows() }}) as state_metrics on states.metric_name = state_metrics.metric_name
    inner join stream_list on states.stream_type = stream_list.stream_type and states.stream_id = stream_list.stream_id
    where states.metric_date between {{ first_metric_day() }} and {{ last_metric_day() }}
),

final as (
    select
        {{ event_id('daily_stream_metric', [
            'metric_date', 'stream_type', 'stream_id', 'metric_name', 'window_name', 'percentile', 'segment'
        ]) }} as metric_id,
        metric_date,
        stream_type,
        stream_id,
        metric_name,
        window_name,
        window_days,
        window_start,
        percentile,
        segment,
        metric_value,
        metric_unit,
        sample_size::integer as sample_size,
        excluded_count::integer as excluded_count,
        {{ as_of() }} as computed_at
    from united
)

select * from final
