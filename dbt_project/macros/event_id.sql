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

{#
  Version and variant bits set on 32 hexadecimal digits: the seventh byte begins with 3, the ninth with the bits 10. As
  bytes, and out of a subquery that names the hash once: text functions, and hashing twice, took three times as long.
#}
{% macro uuid_from_hash(hash) -%}
    (
        select
            encode(
                set_byte(
                    set_byte(hashed.bytes, 6, get_byte(hashed.bytes, 6) & 15 | 48),
                    8,
                    get_byte(hashed.bytes, 8) & 63 | 128
                ),
                'hex'
            )::uuid
        from (select decode({{ hash }}, 'hex') as bytes from (values (0)) as once (row_number) offset 0) as hashed
    )
{%- endmacro %}

{# An instant as a part of a key: whole microseconds since 1970, whatever the session's settings. #}
{% macro microseconds(instant) -%}
    (extract(epoch from {{ instant }}) * 1000000)::bigint
{%- endmacro %}
