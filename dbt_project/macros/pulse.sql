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

{# Further condition: a period that is worked out anew, or was never worked out. Nothing on a full build. #}
{% macro and_not_kept() %}
    {%- if not execute or is_incremental() %}
        and (
            survey_period >= {{ first_survey_period_in_full() }}
            or survey_period not in (select kept.survey_period from {{ this }} as kept)
        )
    {%- endif %}
{%- endmacro %}

{# The mean of a score over everybody who answered, unless too few did. #}
{% macro pulse_mean(total) -%}
    case
        when sum(response_count) >= {{ var('pulse_minimum_responses') }}
            then round(sum({{ total }})::numeric / sum(response_count), 4)
    end
{%- endmacro %}
