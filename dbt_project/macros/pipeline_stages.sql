{# The stages in the order of the flow. An item in none of them (cancelled, or in a status nobody mapped) is nowhere. #}
{% macro pipeline_stages() -%}
    {{ return(['backlog', 'ba', 'dev', 'code_review', 'qa', 'uat', 'done']) }}
{%- endmacro %}

{# Place of a stage in that order, from 1; NULL for any other. #}
{% macro stage_rank(stage) -%}
    array_position(array['{{ pipeline_stages() | join("', '") }}'], {{ stage }})
{%- endmacro %}

{# Those of the stages that are at least as far as one of them, as a SQL list. #}
{% macro stages_from(stage) -%}
    ('{{ pipeline_stages()[pipeline_stages().index(stage):] | join("', '") }}')
{%- endmacro %}

{#
  "All", the delivery stream and each technology stream of a row, for a lateral join; a stream that is named twice
  counts once.
#}
{% macro streams_of(delivery_stream_id, tech_stream_ids) %}
        select
            'all' as stream_type,
            '{{ all_streams_id() }}'::uuid as stream_id
        union all
        select
            'delivery' as stream_type,
            {{ delivery_stream_id }} as stream_id
        where {{ delivery_stream_id }} is not null
        union all
        select distinct
            'tech' as stream_type,
            tech.stream_id
        from unnest({{ tech_stream_ids }}) as tech (stream_id)
{%- endmacro %}
