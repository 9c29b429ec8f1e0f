{# The order of work item events at one instant (semantics: created, transitioned, blocked, unblocked, completed). #}
{% macro event_type_rank(event_type) -%}
    case {{ event_type }}
        when 'created' then 1
        when 'transitioned' then 2
        when 'flagged' then 3
        when 'blocked' then 3
        when 'unflagged' then 4
        when 'unblocked' then 4
        else 5
    end
{%- endmacro %}
