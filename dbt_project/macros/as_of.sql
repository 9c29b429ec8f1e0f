{#
  The instant for which the marts are built, as SQL. No model reads the clock. It comes from the environment, since dbt
  parses the whole project anew when a variable has changed, and this one changes with every build; unit tests give it
  as the variable as_of.
#}
{% macro as_of() -%}
    {%- set instant = (var('as_of', none) or env_var('DPP_DBT_AS_OF', '')) if execute else '' -%}
    {%- if not execute -%}
        '2000-01-01T00:00:00Z'::timestamptz
    {%- elif not instant or "'" in (instant | string) -%}
        {{ exceptions.raise_compiler_error(
            "The instant to build for is missing. Give it with its offset: DPP_DBT_AS_OF=2026-01-31T00:00:00Z"
        ) }}
    {%- else -%}
        '{{ instant }}'::timestamptz
    {%- endif -%}
{%- endmacro %}

{# The organisation's calendar day of an instant. #}
{% macro local_date(instant) -%}
    ({{ instant }} at time zone '{{ var("timezone") }}')::date
{%- endmacro %}

{# The instant at which a day of the organisation's calendar begins. #}
{% macro day_starts_at(day, timezone=none) -%}
    (({{ day }})::timestamp at time zone '{{ timezone or var("timezone") }}')
{%- endmacro %}

{# The first day of the month of the organisation's calendar that holds an instant. #}
{% macro month_of(instant) -%}
    date_trunc('month', {{ local_date(instant) }})::date
{%- endmacro %}
