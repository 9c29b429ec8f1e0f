{# The id under which numbers of all streams together are kept; "all" counts an item once. #}
{% macro all_streams_id() -%}
    00000000-0000-0000-0000-000000000000
{%- endmacro %}

{# The rolling windows, in days, that the daily tables carry. #}
{% macro windows() -%}
    {{ return([7, 30, 90]) }}
{%- endmacro %}

{#
  Every metric as one line: its name, the observations it is made of (metric_observations.observation), what is
  done with them, and what stands beside the value. The only definition; daily rows and ad-hoc windows use it.
  statistic: p50, p85, p95, mean, count (all observations, with and without a value), or per_week
  (observations with a value, by calendar day of the window, times 7).
#}
{% macro metric_definitions() -%}
    {{ return([
        ('cycle_time_p50', 'cycle_time', 'p50', 50, 'days'),
        ('cycle_time_p85', 'cycle_time', 'p85', 85, 'days'),
        ('cycle_time_p95', 'cycle_time', 'p95', 95, 'days'),
        ('throughput', 'cycle_time', 'count', none, 'count'),
        ('flow_efficiency', 'flow_efficiency', 'mean', none, 'percent'),
        ('deployment_frequency', 'deployment', 'per_week', none, 'per_week'),
        ('change_failure_rate', 'change_failure', 'mean', none, 'percent'),
        ('change_failure_rate_completed', 'change_failure_completed', 'mean', none, 'percent'),
        ('ttr_median', 'time_to_restore', 'p50', none, 'minutes'),
        ('ttr_mean', 'time_to_restore', 'mean', none, 'minutes'),
        ('lead_time_p50', 'lead_time', 'p50', 50, 'hours'),
        ('lead_time_p85', 'lead_time', 'p85', 85, 'hours'),
        ('review_turnaround_p50', 'review_turnaround', 'p50', 50, 'hours'),
        ('review_turnaround_p85', 'review_turnaround', 'p85', 85, 'hours'),
    ]) }}
{%- endmacro %}

{# The definitions as rows, for joining. #}
{% macro metric_definition_rows() %}
    select *
    from (
        values
        {%- for name, observation, statistic, percentile, unit in metric_definitions() %}
        ('{{ name }}', '{{ observation }}', '{{ statistic }}', {{ percentile if percentile is not none else 'null::integer' }}, '{{ unit }}')
        {{- ',' if not loop.last }}
        {%- endfor %}
    ) as definitions (metric_name, observation, statistic, percentile, metric_unit)
{% endmacro %}

{# The observations of which metrics need the whole distribution, not only its sum and count. #}
{% macro distributed_observations() -%}
    {%- set names = [] -%}
    {%- for name, observation, statistic, percentile, unit in metric_definitions() -%}
        {%- if statistic in ('p50', 'p85', 'p95') and observation not in names -%}
            {%- do names.append(observation) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{# Percentiles 50, 85 and 95 of the observations between two days (both included), as the body of a lateral join. #}
{% macro percentiles_between(observations, observation, stream_type, stream_id, first_day, last_day) %}
    select percentile_cont(array[0.5, 0.85, 0.95]) within group (order by observations.value) as percentiles
    from {{ observations }} as observations
    where
        observations.observation = {{ observation }}
        and observations.stream_type = {{ stream_type }}
        and observations.stream_id = {{ stream_id }}
        and observations.observed_on between {{ first_day }} and {{ last_day }}
{% endmacro %}

{# One statistic as the metric's value; NULL where there is nothing to compute it from. #}
{% macro statistic_value(statistic, statistics) %}
    case {{ statistic }}
        when 'p50' then {{ statistics }}.percentiles[1]::numeric
        when 'p85' then {{ statistics }}.percentiles[2]::numeric
        when 'p95' then {{ statistics }}.percentiles[3]::numeric
        when 'mean' then {{ statistics }}.total / nullif({{ statistics }}.valued_count, 0)
        when 'count' then {{ statistics }}.observed_count
        when 'per_week' then {{ statistics }}.valued_count * 7.0 / {{ statistics }}.window_days
    end
{% endmacro %}
