{# The id under which numbers of all streams together are kept; "all" counts an item once. #}
{% macro all_streams_id() -%}
    00000000-0000-0000-0000-000000000000
{%- endmacro %}

{# The rolling windows, in days, that the daily tables carry. #}
{% macro windows() -%}
    {{ return([7, 30, 90]) }}
{%- endmacro %}

{#
  Every metric of windows as one line: its name, the observations it is made of (metric_observations.observation), what
  is done with them, and what stands beside the value. The only definition; daily rows and ad-hoc windows use it.
  statistic:
    p50, p85, p95   of the distribution of values, interpolated linearly
    mean            of the values
    sum             of the values
    count           of all observations, with and without a value
    per_week        observations with a value, by calendar day of the window, times 7
    share           a segment's part of the count of all segments, in percent
    ratio_of_sums   sum of the values by sum of the weights, in percent
  A metric whose observations have segments has a row for each segment.
#}
{% macro metric_definitions() -%}
    {{ return([
        ('cycle_time_p50', 'cycle_time', 'p50', 50, 'days'),
        ('cycle_time_p85', 'cycle_time', 'p85', 85, 'days'),
        ('cycle_time_p95', 'cycle_time', 'p95', 95, 'days'),
        ('throughput', 'cycle_time', 'count', none, 'count'),
        ('flow_efficiency', 'flow_efficiency', 'mean', none, 'percent'),
        ('flow_efficiency_of_sums', 'active_time', 'ratio_of_sums', none, 'percent'),
        ('blocked_share', 'blocked_time', 'ratio_of_sums', none, 'percent'),
        ('queue_time', 'queue_time', 'mean', none, 'days'),
        ('lead_time_items_p50', 'lead_time_items', 'p50', 50, 'days'),
        ('lead_time_items_p85', 'lead_time_items', 'p85', 85, 'days'),
        ('flow_velocity', 'flow_time', 'count', none, 'count'),
        ('flow_time', 'flow_time', 'mean', none, 'days'),
        ('flow_distribution', 'flow_type', 'share', none, 'percent'),
        ('deployment_frequency', 'deployment', 'per_week', none, 'per_week'),
        ('change_failure_rate', 'change_failure', 'mean', none, 'percent'),
        ('change_failure_rate_completed', 'change_failure_completed', 'mean', none, 'percent'),
        ('ttr_median', 'time_to_restore', 'p50', none, 'minutes'),
        ('ttr_mean', 'time_to_restore', 'mean', none, 'minutes'),
        ('lead_time_p50', 'lead_time', 'p50', 50, 'hours'),
        ('lead_time_p85', 'lead_time', 'p85', 85, 'hours'),
        ('failed_deployment_recovery_time', 'failed_deployment_recovery', 'p50', none, 'minutes'),
        ('deployment_rework_rate', 'deployment_rework', 'mean', none, 'percent'),
        ('pr_cycle_time_p50', 'pr_cycle_time', 'p50', 50, 'hours'),
        ('pr_cycle_time_p85', 'pr_cycle_time', 'p85', 85, 'hours'),
        ('pr_phase_time', 'pr_phase_time', 'mean', none, 'hours'),
        ('review_turnaround_p50', 'review_turnaround', 'p50', 50, 'hours'),
        ('review_turnaround_p85', 'review_turnaround', 'p85', 85, 'hours'),
        ('defect_escape_rate', 'defect_escape', 'mean', none, 'percent'),
        ('defect_origin_unknown', 'defect_origin_unknown', 'mean', none, 'percent'),
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

{# The observations of those metrics that have one of these statistics. #}
{% macro observations_with(statistics) -%}
    {%- set names = [] -%}
    {%- for name, observation, statistic, percentile, unit in metric_definitions() -%}
        {%- if statistic in statistics and observation not in names -%}
            {%- do names.append(observation) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{# Observations that need the whole distribution, those of which sums are kept, and those with shares of segments. #}
{% macro distributed_observations() -%}
    {{ return(observations_with(['p50', 'p85', 'p95'])) }}
{%- endmacro %}

{% macro summed_observations() -%}
    {{ return(observations_with(['mean', 'sum', 'ratio_of_sums'])) }}
{%- endmacro %}

{% macro shared_observations() -%}
    {{ return(observations_with(['share'])) }}
{%- endmacro %}

{# Whether an observation is one of a list that may be empty. #}
{% macro is_one_of(observation, names) -%}
    {%- if names -%}{{ observation }} in ('{{ names | join("', '") }}'){%- else -%}false{%- endif -%}
{%- endmacro %}

{#
  Post-hook of metric_observations: the index from which percentiles are read without touching the table. It leaves out
  observations that are only counted and summed, most of them; one that is out of date is replaced.
#}
{% macro index_distributed_observations() %}
    {%- set definition -%}
        (observation, stream_type, stream_id, observed_on) include (segment, value)
        where {{ is_one_of('observation', distributed_observations()) }}
    {%- endset %}
    do $index$
    declare
        table_id oid := '{{ this }}'::regclass;
        index_name text := 'values_' || table_id || '_{{ local_md5(definition)[:8] }}';
        stale record;
    begin
        for stale in
            select indexrelid::regclass as name
            from pg_index
            inner join pg_class on pg_class.oid = pg_index.indexrelid
            where indrelid = table_id and relname like 'values\_%' and relname <> index_name
        loop
            execute 'drop index ' || stale.name;
        end loop;
        execute format('create index if not exists %I on {{ this }} ', index_name)
        || $definition${{ definition }}$definition$;
    end
    $index$
{% endmacro %}

{#
  Percentiles 50, 85 and 95 of the observations between two days (both included), as the body of a lateral join. The
  list of observations lets the planner use the partial index.
#}
{% macro percentiles_between(observations, series, first_day, last_day) %}
    select percentile_cont(array[0.5, 0.85, 0.95]) within group (order by observations.value) as percentiles
    from {{ observations }} as observations
    where
        observations.observation = {{ series }}.observation
        and observations.stream_type = {{ series }}.stream_type
        and observations.stream_id = {{ series }}.stream_id
        and coalesce(observations.segment, '') = {{ series }}.segment
        and observations.observed_on between {{ first_day }} and {{ last_day }}
        and {{ is_one_of('observations.observation', distributed_observations()) }}
{% endmacro %}

{#
  Metrics of windows, from `statistics`: rows with observation, segment, stream_type, stream_id, last_day, window_days,
  observed_count, valued_count, total, total_weight, all_observed_count (of all segments), percentiles and
  first_day_with_value of the series. `columns` are taken over as they are. The one place where a statistic becomes a
  metric; NULL where there is nothing to compute it from.
#}
{% macro metrics_of_statistics(statistics, columns) %}
    select
        {% for column in columns %}statistics.{{ column }},
        {% endfor -%}
        definitions.metric_name,
        nullif(statistics.segment, '') as segment,
        definitions.percentile,
        round(
            case definitions.statistic
                when 'p50' then statistics.percentiles[1]::numeric
                when 'p85' then statistics.percentiles[2]::numeric
                when 'p95' then statistics.percentiles[3]::numeric
                when 'mean' then statistics.total / nullif(statistics.valued_count, 0)
                when 'sum'
                    then case when statistics.valued_count > 0 or statistics.observed_count = 0 then statistics.total end
                when 'count' then statistics.observed_count
                -- Before a stream's first deployment its frequency is unknown, not zero.
                when 'per_week'
                    then case
                        when statistics.last_day >= statistics.first_day_with_value
                            then statistics.valued_count * 7.0 / statistics.window_days
                    end
                when 'share' then statistics.observed_count * 100.0 / nullif(statistics.all_observed_count, 0)
                when 'ratio_of_sums' then statistics.total * 100 / nullif(statistics.total_weight, 0)
            end,
            6
        ) as metric_value,
        definitions.metric_unit,
        case definitions.statistic
            when 'count' then statistics.observed_count
            when 'share' then statistics.all_observed_count
            else statistics.valued_count
        end::integer as sample_size,
        case
            when definitions.statistic in ('count', 'share') then 0
            else statistics.observed_count - statistics.valued_count
        end::integer as excluded_count
    from {{ statistics }} as statistics
    inner join ({{ metric_definition_rows() }}) as definitions on statistics.observation = definitions.observation
{% endmacro %}
