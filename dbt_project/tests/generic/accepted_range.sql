{# A column's values lie within bounds; NULL is allowed. #}
{% test accepted_range(model, column_name, minimum=none, maximum=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        {{ column_name }} < {{ minimum if minimum is not none else 'null' }}
        or {{ column_name }} > {{ maximum if maximum is not none else 'null' }}
{% endtest %}
