{#
  team_pulse: the overall average of each survey period, on the first day of its month. A period with too few answers has
  no value, which shows only when its month is over: until then people may still answer, and the period before stands.
#}
{% macro team_pulse_by_day() %}
    select
        to_date(survey_period, 'YYYY-MM') as metric_date,
        'delivery' as stream_type,
        delivery_stream_id as stream_id,
        'team_pulse' as metric_name,
        null::text as segment,
        null::integer as percentile,
        overall_avg as metric_value,
        case when is_suppressed then 0 else response_count end as sample_size,
        case when is_suppressed then response_count else 0 end as excluded_count
    from {{ ref('pulse_aggregates') }}
    where
        not is_suppressed
        or (to_date(survey_period, 'YYYY-MM') + interval '1 month')::date <= {{ local_date(as_of()) }}
{% endmacro %}

{# cross_stream_bottleneck: the rank of a technology stream's severity on a day, 0 for none to 4 for critical. #}
{% macro cross_stream_bottleneck_by_day() %}
    select
        analysis_date as metric_date,
        'tech' as stream_type,
        tech_stream_id as stream_id,
        'cross_stream_bottleneck' as metric_name,
        null::text as segment,
        null::integer as percentile,
        {{ bottleneck_rank('severity') }}::numeric as metric_value,
        cardinality(impacted_delivery_streams) as sample_size,
        0 as excluded_count
    from {{ ref('cross_stream_correlations') }}
{% endmacro %}
