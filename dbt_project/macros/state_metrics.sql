{#
  State metrics: the value of a day, with no window. Each line: name, unit, for how many days after its own a value
  still is the current one (0: it must be of the newest day), and the types of streams that have it.
#}
{% macro state_metrics() -%}
    {{ return([
        ('sprint_confidence', 'percent', 1, ['delivery']),
        ('monte_carlo_forecast', 'weeks', 7, ['delivery']),
        ('team_pulse', 'score', 91, ['delivery']),
        ('cross_stream_bottleneck', 'rank', 0, ['tech']),
        ('wip', 'count', 0, ['all', 'delivery', 'tech']),
        ('wip_by_stage', 'count', 0, ['all', 'delivery', 'tech']),
        ('flow_load', 'count', 0, ['all', 'delivery', 'tech']),
    ]) }}
{%- endmacro %}

{# State metrics as rows, for joining. #}
{% macro state_metric_rows() %}
    select *
    from (
        values
        {%- for name, unit, days_valid, stream_types in state_metrics() %}
        ('{{ name }}', '{{ unit }}', {{ days_valid }}, array['{{ stream_types | join("', '") }}'])
        {{- ',' if not loop.last }}
        {%- endfor %}
    ) as state_metrics (metric_name, metric_unit, days_valid, stream_types)
{% endmacro %}

{#
  Where state metrics come from: selects of metric_date, stream_type, stream_id, metric_name, segment, percentile,
  metric_value, sample_size, excluded_count. Tables that grow by days and streams, not by events: they are read whole.
  A unit test overrides `state_areas`, so that it needs no inputs of the others.
#}
{% macro state_areas() -%}
    {{ return([
        'sprint_confidence', 'monte_carlo_forecast', 'team_pulse', 'cross_stream_bottleneck', 'work_in_progress', 'flow_load'
    ]) }}
{%- endmacro %}

{% macro state_metric_source_of(area) -%}
    {%- if area == 'sprint_confidence' -%}{{ sprint_confidence_by_day() }}
    {%- elif area == 'monte_carlo_forecast' -%}{{ monte_carlo_forecast_by_day() }}
    {%- elif area == 'team_pulse' -%}{{ team_pulse_by_day() }}
    {%- elif area == 'cross_stream_bottleneck' -%}{{ cross_stream_bottleneck_by_day() }}
    {%- elif area == 'work_in_progress' -%}{{ work_in_progress_by_day() }}
    {%- elif area == 'flow_load' -%}{{ flow_load_by_day() }}
    {%- endif -%}
{%- endmacro %}

{% macro state_metric_sources() -%}
    {%- set sources = [] -%}
    {%- for area in state_areas() -%}
        {%- do sources.append(state_metric_source_of(area)) -%}
    {%- endfor -%}
    {{ return(sources) }}
{%- endmacro %}

{# The last one that was worked out on a day; of two sprints at once, that of the later computation. #}
{% macro sprint_confidence_by_day() %}
    select distinct on (delivery_stream_id, computed_on)
        computed_on as metric_date,
        'delivery' as stream_type,
        delivery_stream_id as stream_id,
        'sprint_confidence' as metric_name,
        null::text as segment,
        null::integer as percentile,
        confidence_pct as metric_value,
        sampled_days as sample_size,
        0 as excluded_count
    from {{ source('forecast', 'sprint_confidence') }}
    where computed_at <= {{ as_of() }}
    order by delivery_stream_id, computed_on, computed_at desc, sprint_id
{% endmacro %}

{# Weeks until all is done; a linear projection has the median alone. #}
{% macro monte_carlo_forecast_by_day() %}
    select
        forecasts.forecast_date as metric_date,
        'delivery' as stream_type,
        forecasts.delivery_stream_id as stream_id,
        'monte_carlo_forecast' as metric_name,
        null::text as segment,
        dates.percentile,
        round((dates.completion_date - forecasts.forecast_date) / 7.0, 6) as metric_value,
        forecasts.throughput_samples as sample_size,
        0 as excluded_count
    from {{ source('forecast', 'forecast_snapshots') }} as forecasts
    cross join lateral (
        values
        (50, forecasts.p50_completion_date),
        (70, forecasts.p70_completion_date),
        (85, forecasts.p85_completion_date),
        (95, forecasts.p95_completion_date)
    ) as dates (percentile, completion_date)
{% endmacro %}
