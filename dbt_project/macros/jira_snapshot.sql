{# What a delivery and a fetched issue both show of a ticket, from either staging table. #}
{% macro jira_snapshot(relation) -%}
    {%- set columns = [
        'event_at', 'created_at', 'resolved_at', 'status_category_changed_at', 'status_name', 'status_id',
        'resolution_name', 'flag_name', 'ticket_type', 'priority', 'assignee_hash', 'story_points', 'jira_sprint_id',
        'jira_sprint_ids', 'linked_ticket_id', 'severity_value', 'root_cause_value',
        'labels', 'components', 'delivery_stream_value', 'tech_stream_values', 'found_in_stage_value',
        'introduced_in_stage_value', 'blocking_tech_stream_value',
    ] -%}
    {%- for column in columns -%}
        {{ relation }}.{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
