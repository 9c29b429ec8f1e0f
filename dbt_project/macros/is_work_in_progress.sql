{# The stages in which an item counts as work in progress: begun, and neither done nor cancelled. #}
{% macro is_work_in_progress(stage) -%}
    {{ stage }} in ('ba', 'dev', 'code_review', 'qa', 'uat')
{%- endmacro %}
