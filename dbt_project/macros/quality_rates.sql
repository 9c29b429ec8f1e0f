{#
  The data-quality rates of 004 §5.6, each as (name, display name, default target in percent, what is rated for a
  delivery stream, for a technology stream, for all). A row of config.thresholds of the rate's name holds another
  target. The metric catalogue says which metrics stand on which rate (confidence_rates).
#}
{% macro quality_rate_definitions() -%}
    {{ return([
        (
            'pr_ticket_linkage_rate', 'Pull requests linked to a ticket', 90,
            'Pull requests of the technology streams that its tickets touch',
            'Pull requests of its repositories', 'All pull requests',
        ),
        (
            'ticket_stream_tagging_rate', 'Tickets with a delivery stream', 95,
            'Tickets of the Jira projects in which it has tickets',
            'Tickets that touch it', 'All tickets',
        ),
        (
            'defect_origin_attribution_rate', 'Defects with a known origin', 70,
            'Its defects', 'Defects that touch it', 'All defects',
        ),
        (
            'pulse_response_rate', 'Answers to the pulse survey', 60,
            'People of its team, by the newest survey', 'Not asked of technology streams',
            'People of all teams whose size is known, by the newest survey',
        ),
        (
            'deployment_traceability_rate', 'Deployments traced to a ticket', 80,
            'Production deployments of the technology streams that its tickets touch',
            'Its production deployments', 'All production deployments',
        ),
    ]) }}
{%- endmacro %}

{# The definitions as rows, with the targets that hold: those of config.thresholds before the defaults. #}
{% macro quality_rate_rows() %}
    select
        defined.metric_name,
        defined.display_name,
        coalesce(thresholds.value, defined.default_target_pct) as target_pct,
        defined.stream_type,
        defined.rated_over
    from (
        values
        {%- for name, display_name, target, of_delivery, of_tech, of_all in quality_rate_definitions() %}
        {%- for stream_type, rated_over in [('delivery', of_delivery), ('tech', of_tech), ('all', of_all)] %}
        ('{{ name }}', '{{ display_name }}', {{ target }}::numeric, '{{ stream_type }}', '{{ rated_over }}')
        {{- ',' if not loop.last }}
        {%- endfor %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    ) as defined (metric_name, display_name, default_target_pct, stream_type, rated_over)
    left join {{ source('config', 'thresholds') }} as thresholds on defined.metric_name = thresholds.name
{% endmacro %}
