{#
  Which staging models tell of pull requests, reviews, pipelines and incidents: one name a line.

  Every model of a list has the columns of its kind, named in the macros below, so an event model is a union over its
  list. Another provider is another name here. `observation_key` is unique in the whole list; `landing_id` is NULL
  for what was fetched; `revision` tells which build wrote the row (macros/build_state.sql).
  A unit test that wants some of the sources only overrides the macro with their names.
#}
{% macro pull_request_sources() %}
    stg_github__pull_requests
    stg_github__fetched_pull_requests
    stg_gitlab__merge_requests
    stg_gitlab__fetched_merge_requests
    stg_bitbucket__pull_requests
    stg_bitbucket__fetched_pull_requests
{% endmacro %}

{% macro review_sources() %}
    stg_github__pull_request_reviews
    stg_github__fetched_reviews
    stg_gitlab__merge_request_reviews
    stg_gitlab__fetched_reviews
    stg_bitbucket__pull_request_reviews
    stg_bitbucket__fetched_reviews
{% endmacro %}

{% macro cicd_sources() %}
    stg_push__deployments
    stg_github__deployments
    stg_github__deployment_statuses
    stg_github__fetched_deployments
    stg_github__workflow_runs
    stg_jira__deployments
    stg_gitlab__pipelines
    stg_gitlab__fetched_pipelines
    stg_gitlab__deployments
    stg_gitlab__fetched_deployments
    stg_bitbucket__pipelines
    stg_bitbucket__fetched_pipelines
{% endmacro %}

{% macro incident_sources() %}
    stg_push__incidents
    stg_pagerduty__incidents
    stg_opsgenie__incidents
    stg_alertmanager__incidents
    stg_jira__incidents
{% endmacro %}

{# What a delivery or a fetched state says of a pull request. #}
{% macro pull_request_observation_columns(without=[]) %}
    {%- set columns = [
        'source', 'observation_key', 'landing_id', 'received_at', 'action', 'is_fetched', 'pull_request_key',
        'repo_full_name', 'default_branch', 'pr_number', 'title', 'body_ticket_keys', 'author_hash', 'author_is_bot',
        'is_draft', 'branch_name', 'head_sha', 'base_branch', 'label_names', 'opened_at', 'updated_at', 'ready_at',
        'first_commit_at', 'merged_at', 'closed_at', 'merge_commit_sha', 'lines_added', 'lines_removed',
        'files_changed', 'comments_count', 'installation_id', 'revision',
    ] -%}
    {{ columns | reject('in', without) | join(', ') }}
{%- endmacro %}

{# A review comes with its pull request. #}
{% macro review_observation_columns() %}
        {{ pull_request_observation_columns() }},
        review_id, reviewer_hash, reviewer_is_bot, review_state, submitted_at, reviewed_sha
{%- endmacro %}

{% macro cicd_observation_columns(without=[]) %}
    {%- set columns = [
        'source', 'observation_key', 'landing_id', 'received_at', 'event_timestamp', 'event_type', 'pipeline_id',
        'pipeline_run_id', 'environment', 'status', 'duration_seconds', 'commit_sha', 'trigger_type',
        'artefact_version', 'failure_reason', 'repo_full_name', 'service_name', 'rollback_of', 'named_pr_number',
        'named_ticket_id', 'installation_id', 'first_commit_at', 'revision',
    ] -%}
    {{ columns | reject('in', without) | join(', ') }}
{%- endmacro %}

{% macro incident_observation_columns() %}
        source, observation_key, landing_id, received_at, incident_id, event_type, service_name, severity,
        description, occurred_at, repo_full_name, related_deploy_id, related_incident_id, ticket_id, revision
{%- endmacro %}

{# Rows of several staging models of one kind under each other. `sources` is what one of the lists above gives. #}
{% macro union_of_sources(sources, columns) %}
    {%- for name in sources.split() %}
    select {{ columns }}
    from {{ ref(name) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Keys of the rows that the staging models of a kind have received since this model was last built. #}
{% macro observed_since_last_build(sources, key) %}
    {%- for name in sources.split() %}
    select {{ key }}
    from {{ ref(name) }}
    where revision > {{ applied_revision() }}
    {{- '\n    union' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# The observation key of a delivery. #}
{% macro delivery_key(landing_id='deliveries.landing_id') -%}
    'landing:' || {{ landing_id }}
{%- endmacro %}

{# The observation key of what was fetched: of a pull request `fetched:org/repository#number`. #}
{% macro fetched_key(repo_full_name, number) -%}
    'fetched:' || {{ repo_full_name }} || '#' || {{ number }}
{%- endmacro %}

{# Of observations with one date: what was fetched holds everything that a delivery of that instant told. #}
{% macro newest_telling() -%}
    is_fetched desc, landing_id desc, observation_key desc
{%- endmacro %}

{% macro oldest_telling() -%}
    is_fetched, landing_id, observation_key
{%- endmacro %}
