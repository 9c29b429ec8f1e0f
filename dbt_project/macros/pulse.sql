{#
  The first survey period whose answers are certain to be in the inbox still: raw answers are deleted after 12 months, so
  what was worked out of older ones is kept as it is.
#}
{% macro first_survey_period_in_full() -%}
    to_char(date_trunc('month', {{ as_of() }} at time zone '{{ var("timezone") }}') - interval '11 months', 'YYYY-MM')
{%- endmacro %}

{# For pulse_aggregates: the periods that are worked out anew. #}
{% macro touched_survey_periods(given=none) %}
    select survey_period
    from {{ given or this }}
    where survey_period >= {{ first_survey_period_in_full() }}
    {%- if given %}
    union
    select survey_period
    from {{ this }}
    where survey_period >= {{ first_survey_period_in_full() }}
    {%- endif %}
{% endmacro %}

{# The mean of a score, unless too few answered. #}
{% macro pulse_mean(score) -%}
    case when count(*) >= {{ var('pulse_minimum_responses') }} then round(avg({{ score }}), 4) end
{%- endmacro %}
