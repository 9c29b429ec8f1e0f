{#
  A name-based UUID (RFC 9562, version 3) of a natural key: a rebuild gives the same ids, on any server.
  Version 5 would need SHA-1, which PostgreSQL has only in extensions that the embedded server lacks.
  Timestamps go in as microseconds, since their text depends on the session; a NULL part is told
  from an empty one. `event_id('work_item', ['ticket_id', 'event_timestamp'])`; Python: uuid3(NAMESPACE, name).
#}
{% macro event_id(kind, key_columns) -%}
    {%- set namespace = '8f1c2a5e3d5b4c0e9a6f0d2b7c41e953' -%}
    {%- set parts = [] -%}
    {%- for column in key_columns -%}
        {%- do parts.append("coalesce('=' || (" ~ column ~ ")::text, '')") -%}
    {%- endfor -%}
    {{ uuid_from_hash(
        "md5('\\x" ~ namespace ~ "'::bytea || convert_to(concat_ws('|', '" ~ kind ~ "', "
        ~ parts | join(', ') ~ "), 'UTF8'))"
    ) }}
{%- endmacro %}

{# Version and variant bits set on 32 hexadecimal digits: digit 13 is the version, digit 17 one of 8, 9, a, b. #}
{% macro uuid_from_hash(hash) -%}
    overlay(
        (overlay({{ hash }} placing '3' from 13))
        placing (translate(substr({{ hash }}, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab')) from 17
    )::uuid
{%- endmacro %}

{# An instant as a part of a key: whole microseconds since 1970, whatever the session's settings. #}
{% macro microseconds(instant) -%}
    (extract(epoch from {{ instant }}) * 1000000)::bigint
{%- endmacro %}
