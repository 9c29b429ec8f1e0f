{#
  A stream's name as it is compared: letter case does not count, nor what stands between the words, since a label of Jira
  can hold no blank: "card-payments" is Card Payments.
#}
{% macro stream_key(name) -%}
    regexp_replace(lower(trim({{ name }})), '[-_[:space:]]+', ' ', 'g')
{%- endmacro %}

{# Every name by which a stream may be called, as stream_key gives it; where two streams claim one, its own name wins. #}
{% macro stream_names(table) %}
    select distinct on (named.name) named.name, named.stream_id
    from (
        select {{ stream_key('name') }} as name, stream_id, 1 as claim, name as own_name
        from {{ source('config', table) }}
        where is_active
        union all
        select {{ stream_key('display_name') }}, stream_id, 2, name
        from {{ source('config', table) }}
        where is_active
    ) as named
    order by named.name, named.claim, named.own_name
{% endmacro %}

{# The stream that the first matching entry of a list of names names; for use in work_item_attributes. #}
{% macro first_stream_named_in(names) %}
        select stream_names.stream_id
        from unnest({{ names }}) with ordinality as listed (name, place)
        inner join stream_names on {{ stream_key('listed.name') }} = stream_names.name
        order by listed.place
        limit 1
{%- endmacro %}

{#
  The newest value of a field that any delivery or fetched row of the ticket carried; for use in
  work_item_attributes, where the newest delivery did not carry it.
#}
{% macro last_said(column) -%}
    (
        select said.{{ column }}
        from (
            select older.{{ column }}, older.event_at, older.delivery_id as tie_break
            from {{ ref('stg_jira__issue_events') }} as older
            where older.ticket_id = any(latest.ticket_id || former_keys.former_ticket_ids)
            union all
            select older.{{ column }}, older.event_at, older.issue_id
            from {{ ref('stg_jira__issues') }} as older
            where older.ticket_id = any(latest.ticket_id || former_keys.former_ticket_ids)
        ) as said
        where said.{{ column }} is not null
        order by said.event_at desc, said.tie_break collate "C" desc
        limit 1
    )
{%- endmacro %}
