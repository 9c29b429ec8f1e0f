{# A ticket of this type is a defect: its name says so, in whatever language the site uses. #}
{% macro is_defect(ticket_type) -%}
    coalesce({{ ticket_type }} ~ '{{ var("defect_type_pattern") }}', false)
{%- endmacro %}

{#
  The pipeline stage, or production, that a person named in a field, whatever the letter case and what stands between
  the words; NULL for a name that we do not know.
#}
{% macro stage_named(value) -%}
    case trim(regexp_replace(lower({{ value }}), '[^a-z]+', ' ', 'g'))
        {%- for stage, names in {
            'backlog': ['backlog'],
            'ba': ['ba', 'business analysis', 'analysis', 'in analysis', 'requirements', 'design', 'refinement'],
            'dev': ['dev', 'development', 'in development', 'coding', 'implementation', 'unit test', 'unit testing'],
            'code_review': ['code review', 'in code review', 'review', 'in review', 'peer review'],
            'qa': [
                'qa', 'in qa', 'quality assurance', 'test', 'testing', 'in test', 'in testing', 'system test',
                'integration test', 'integration testing', 'sit',
            ],
            'uat': ['uat', 'in uat', 'user acceptance testing', 'user acceptance test', 'user acceptance',
                'acceptance', 'acceptance test', 'acceptance testing', 'staging', 'pre production', 'preprod',
            ],
            'done': ['done'],
            'production': ['production', 'prod', 'in production', 'live', 'customer', 'post release'],
        }.items() %}
        {%- for name in names %}
        when '{{ name }}' then '{{ stage }}'
        {%- endfor %}
        {%- endfor %}
    end
{%- endmacro %}

{# One of our four severities for what a site calls a defect's severity or a ticket's priority; NULL for others. #}
{% macro severity_named(value) -%}
    case trim(regexp_replace(lower({{ value }}), '[^a-z0-9]+', ' ', 'g'))
        {%- for severity, names in {
            'critical': ['critical', 'blocker', 'highest', 'urgent', 'p0', 'p1', 's0', 's1', 'sev0', 'sev1', 'sev 1', '1'],
            'high': ['high', 'major', 'important', 'p2', 's2', 'sev2', 'sev 2', '2'],
            'medium': ['medium', 'normal', 'moderate', 'p3', 's3', 'sev3', 'sev 3', '3'],
            'low': ['low', 'lowest', 'minor', 'trivial', 'cosmetic', 'p4', 'p5', 's4', 's5', 'sev4', 'sev 4', '4', '5'],
        }.items() %}
        {%- for name in names %}
        when '{{ name }}' then '{{ severity }}'
        {%- endfor %}
        {%- endfor %}
    end
{%- endmacro %}
