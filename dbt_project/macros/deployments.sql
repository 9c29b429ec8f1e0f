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

{#
  Which commit each tag names, from the clones, the releases and the pushes of tags; a clone knows best. A draft's tag
  need not exist yet.
#}
{% macro tagged_commits() %}
    select distinct on ({{ present_name('told.repo_full_name') }}, told.tag_name)
        {{ present_name('told.repo_full_name') }} as repo_full_name,
        told.tag_name,
        told.commit_sha
    from (
        select
            repo_full_name,
            tag_name,
            commit_sha,
            1 as preference,
            null::timestamptz as pushed_at
        from {{ ref('stg_git__tags') }}
        union all
        select
            repo_full_name,
            tag_name,
            commit_sha,
            case when is_fetched then 2 else 4 end,
            null
        from {{ ref('stg_github__releases') }}
        where not is_draft
        union all
        select
            repo_full_name,
            ref_name,
            commit_sha,
            3,
            pushed_at
        from {{ ref('stg_github__pushes') }}
        where ref_kind = 'tag'
    ) as told
    left join {{ ref('repository_names') }} as names on told.repo_full_name = names.former_full_name
    where told.commit_sha is not null
    order by
        {{ present_name('told.repo_full_name') }},
        told.tag_name,
        told.preference,
        told.pushed_at desc nulls last,
        names.distance nulls first,
        told.commit_sha
{% endmacro %}

{# The tags that an artefact may be called after, best first: `1.2` and `registry/pay:v1.2` are both v1.2. #}
{% macro tags_of_artefact(value) -%}
    array[
        {{ value }},
        substring({{ value }} from '[^:/]+$'),
        'v' || substring({{ value }} from '[^:/]+$'),
        substring({{ value }} from '[vV](\d[^:/]*)$')
    ]
{%- endmacro %}

{# Elapsed hours between two instants. #}
{% macro hours_between(started_at, ended_at) -%}
    trim_scale(round((extract(epoch from {{ ended_at }} - {{ started_at }}) / 3600)::numeric, 6))
{%- endmacro %}

{# Elapsed minutes between two instants. #}
{% macro minutes_between(started_at, ended_at) -%}
    trim_scale(round((extract(epoch from {{ ended_at }} - {{ started_at }}) / 60)::numeric, 4))
{%- endmacro %}

{# How long after a deployment an incident is still blamed on it. #}
{% macro correlation_window() -%}
    interval '{{ var("correlation_window_minutes") }} minutes'
{%- endmacro %}
