{# The last value of several changes at one instant, by Jira's history number; for use in work_item_changes. #}
{% macro last_of(column) -%}
    (array_agg({{ column }} order by history_number desc, {{ column }} collate "C" desc)
            filter (where {{ column }} is not null))[1]
{%- endmacro %}
