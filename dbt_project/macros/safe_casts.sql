{#
  Casts of what a vendor sent. A garbled value becomes NULL: one bad delivery must not stop a build.
  PostgreSQL 15 has no pg_input_is_valid, so patterns decide.
#}

{# ISO 8601 with date, time and offset (`Z`, `+0000`, `-07:00`); 30 February and an offset of +518:00 are NULL. #}
{% macro safe_timestamp(value) -%}
    case
        when {{ value }} ~ (
            '^(\d{4}-((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)'
            || '|(\d\d(0[48]|[2468][048]|[13579][26])|2000)-02-29)'
            || '[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.]\d{1,9})?)?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)$'
        ) then ({{ value }})::timestamptz
    end
{%- endmacro %}

{# Milliseconds since 1970, as Jira's webhooks carry them; 12 or 13 digits reach from 1973 to 2286. #}
{% macro safe_epoch_milliseconds(value) -%}
    case
        when {{ value }} ~ '^\d{12,13}$'
            then '1970-01-01T00:00:00Z'::timestamptz + ({{ value }})::bigint * interval '1 millisecond'
    end
{%- endmacro %}

{# A decimal number of at most 15 digits before the point. #}
{% macro safe_number(value) -%}
    case when {{ value }} ~ '^-?\d{1,15}([.]\d{1,15})?([eE][+-]?\d{1,2})?$' then ({{ value }})::numeric end
{%- endmacro %}

{# A whole number that fits a bigint. #}
{% macro safe_integer(value) -%}
    case when {{ value }} ~ '^-?\d{1,18}$' then ({{ value }})::bigint end
{%- endmacro %}

{# How many entries a JSON list has; NULL where it is none. #}
{% macro array_length_of(value) -%}
    case when jsonb_typeof({{ value }}) = 'array' then jsonb_array_length({{ value }}) end
{%- endmacro %}

{# The value where it is a JSON object, else an empty one: jsonb_to_record refuses anything else. #}
{% macro json_object(value) -%}
    case when jsonb_typeof({{ value }}) = 'object' then {{ value }} else '{}'::jsonb end
{%- endmacro %}
