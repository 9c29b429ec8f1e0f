{# Severities of a bottleneck from the least to the most; a severity's place in the list is its rank. #}
{% macro bottleneck_severities() -%}
    {{ return(['none', 'low', 'medium', 'high', 'critical']) }}
{%- endmacro %}

{# Rank of a severity: 0 for none to 4 for critical. #}
{% macro bottleneck_rank(severity) -%}
    (array_position(array['{{ bottleneck_severities() | join("', '") }}'], {{ severity }}) - 1)
{%- endmacro %}

{#
  The first day that cross_stream_correlations assesses. A full build: the first day of any work that the daily tables
  hold. Later ones go back as far as what arrived since the last build reaches, so far as it can matter, namely blocks,
  their ends and completions, and cross_stream_days at least; never does a day fall between two builds.
#}
{% macro first_analysis_day() %}
    select
        greatest(
            {%- if execute and is_incremental() %}
            case
                when known.first_day <= work.first_day
                    then least(
                        {{ local_date(as_of()) }} - {{ var('cross_stream_days') | int - 1 }},
                        known.last_day + 1,
                        arrived.first_day
                    )
            end,
            {%- endif %}
            work.first_day,
            {{ local_date(as_of()) }} - {{ var('daily_metrics_days') | int - 1 }}
        ) as analysis_date
    from (
        select coalesce(min({{ local_date('created_at') }}), {{ local_date(as_of()) }}) as first_day
        from {{ ref('work_items') }}
        where created_at <= {{ as_of() }}
    ) as work
    {%- if not execute or is_incremental() %}
    cross join (
        select
            min(analysis_date) as first_day,
            max(analysis_date) as last_day
        from {{ this }}
    ) as known
    cross join (
        select min({{ local_date('event_timestamp') }}) as first_day
        from {{ ref('work_item_events') }}
        where
            event_type in ('blocked', 'unblocked', 'completed')
            and ticket_id in (select touched.ticket_id from ({{ touched_tickets() }}) as touched)
    ) as arrived
    {%- endif %}
{% endmacro %}

{# For cross_stream_correlations: the days that were assessed anew. #}
{% macro touched_analysis_days(given=none) %}
    select distinct analysis_date
    from {{ given or this }}
{% endmacro %}
