{# The stages in the order of the flow. An item in none of them (cancelled, or in a status nobody mapped) is nowhere. #}
{% macro pipeline_stages() -%}
    {{ return(['backlog', 'ba', 'dev', 'code_review', 'qa', 'uat', 'done']) }}
{%- endmacro %}

{# Those of the stages that are at least as far as one of them, as a SQL list. #}
{% macro stages_from(stage) -%}
    ('{{ pipeline_stages()[pipeline_stages().index(stage):] | join("', '") }}')
{%- endmacro %}
