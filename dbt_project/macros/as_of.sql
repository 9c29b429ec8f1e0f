{# The instant for which the marts are built, as SQL. No model reads the clock. #}
{% macro as_of() -%}
    {%- set instant = var('as_of', none) -%}
    {%- if not execute -%}
        '2000-01-01T00:00:00Z'::timestamptz
    {%- elif instant is none or "'" in (instant | string) -%}
        {{ exceptions.raise_compiler_error(
            "The variable as_of is missing. Give the instant to build for, with its offset: "
            ~ "--vars '{\"as_of\": \"2026-01-31T00:00:00Z\"}'"
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
