{#
  The words and numbers by which incident tools grade an incident, as ours; NULL for one that is not known.
  `otherwise` is looked at where the first says nothing: PagerDuty's incidents have an urgency where no priority is set.
#}
{% macro incident_severity(value, otherwise=none) -%}
    case
        {%- for given in [value, otherwise] if given is not none %}
        when lower({{ given }}) in ('critical', 'page', 'emergency', 'disaster', 'fatal', 'p1', 'sev1', 'sev-1')
            then 'critical'
        when lower({{ given }}) in ('high', 'error', 'major', 'p2', 'sev2', 'sev-2') then 'high'
        when lower({{ given }}) in ('medium', 'moderate', 'warning', 'warn', 'minor', 'p3', 'sev3', 'sev-3') then 'medium'
        when lower({{ given }}) in ('low', 'info', 'informational', 'notice', 'p4', 'p5', 'sev4', 'sev-4', 'sev5', 'sev-5')
            then 'low'
        {%- endfor %}
    end
{%- endmacro %}
