{# A condition that every row keeps; a NULL result is not a violation. #}
{% test holds(model, condition) %}
    select *
    from {{ model }}
    where not ({{ condition }})
{% endtest %}
