{# One name for each environment, whatever the pipelines call it; names we do not know stay as they came. #}
{% macro environment_name(value) -%}
    case
        when lower(trim({{ value }})) in ('production', 'prod', 'prd', 'live') then 'production'
        when lower(trim({{ value }})) in ('staging', 'stage', 'stg', 'preprod', 'pre-production') then 'staging'
        when lower(trim({{ value }})) in ('dev', 'development') then 'dev'
        else lower(trim({{ value }}))
    end
{%- endmacro %}

{# The commit that an artefact is named after (`release-<sha>` or a bare SHA), or NULL. #}
{% macro commit_of_artefact(value) -%}
    lower(substring({{ value }} from '(?:^|[^0-9A-Za-z])([0-9A-Fa-f]{40})$'))
{%- endmacro %}

{# Elapsed hours between two instants. #}
{% macro hours_between(started_at, ended_at) -%}
    trim_scale(round((extract(epoch from {{ ended_at }} - {{ started_at }}) / 3600)::numeric, 6))
{%- endmacro %}

{# How long after a deployment an incident is still blamed on it. #}
{% macro correlation_window() -%}
    interval '{{ var("correlation_window_minutes") }} minutes'
{%- endmacro %}
