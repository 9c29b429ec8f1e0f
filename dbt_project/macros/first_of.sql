{# The first value of a group in an order of its own; of rows where it is not NULL, or that `condition` picks. #}
{% macro first_of(value, order, condition=none) -%}
    (array_agg({{ value }} order by {{ order }}) filter (where {{ condition or value ~ ' is not null' }}))[1]
{%- endmacro %}
