{#
  What GitHub's deliveries say about a pull request: the same columns for `pull_request` and
  `pull_request_review`. A stored payload is decompressed once, by the outermost jsonb_to_record; everything
  below works on what came out of it. Garbled values become NULL (macros/safe_casts.sql).
#}
{% macro github_pull_request_laterals() %}
    cross join lateral jsonb_to_record({{ json_object('deliveries.payload') }})
        as delivery (action text, repository jsonb, installation jsonb, pull_request jsonb, review jsonb)
    cross join lateral jsonb_to_record({{ json_object('delivery.repository') }})
        as repository (full_name text, default_branch text)
    cross join lateral jsonb_to_record({{ json_object('delivery.pull_request') }})
        as pull_request (
            "number" text, title text, body text, draft text, "user" jsonb, head jsonb, base jsonb, labels jsonb,
            created_at text, updated_at text, merged_at text, closed_at text, merge_commit_sha text,
            additions text, deletions text, changed_files text, comments text, review_comments text
        )
{%- endmacro %}

{% macro github_pull_request_columns() %}
        'github' as source,
        {{ delivery_key() }} as observation_key,
        deliveries.landing_id,
        deliveries.received_at,
        coalesce(delivery.action, '') as action,
        false as is_fetched,
        {{ pull_request_key('repository.full_name', safe_count('pull_request.number')) }} as pull_request_key,
        repository.full_name as repo_full_name,
        repository.default_branch,
        {{ safe_count('pull_request.number') }} as pr_number,
        pull_request.title,
        {{ ticket_keys_in_text('pull_request.body') }} as body_ticket_keys,
        pull_request.user ->> 'person_hash' as author_hash,
        coalesce(pull_request.user ->> 'type' = 'Bot', false) as author_is_bot,
        coalesce(pull_request.draft = 'true', false) as is_draft,
        pull_request.head ->> 'ref' as branch_name,
        pull_request.head ->> 'sha' as head_sha,
        pull_request.base ->> 'ref' as base_branch,
        array(
            select lower(label ->> 'name')
            from jsonb_path_query(pull_request.labels, '$[*] ? (@.type() == "object")') as label
            where label ->> 'name' is not null
        ) as label_names,
        {{ safe_timestamp('pull_request.created_at') }} as opened_at,
        coalesce({{ safe_timestamp('pull_request.updated_at') }}, deliveries.received_at) as updated_at,
        case
            when delivery.action = 'ready_for_review'
                then coalesce({{ safe_timestamp('pull_request.updated_at') }}, deliveries.received_at)
        end as ready_at,
        null::timestamptz as first_commit_at,
        {{ safe_timestamp('pull_request.merged_at') }} as merged_at,
        {{ safe_timestamp('pull_request.closed_at') }} as closed_at,
        -- Of an open pull request this is a trial merge that never reaches the branch.
        case when pull_request.merged_at is not null then lower(pull_request.merge_commit_sha) end as merge_commit_sha,
        {{ safe_count('pull_request.additions') }} as lines_added,
        {{ safe_count('pull_request.deletions') }} as lines_removed,
        {{ safe_count('pull_request.changed_files') }} as files_changed,
        {{ safe_count('pull_request.comments') }} + {{ safe_count('pull_request.review_comments') }} as comments_count,
        delivery.installation ->> 'id' as installation_id
{%- endmacro %}

{#
  What a deployment's status says, as a row of the pipelines' events; the same for a delivery and a fetched status.
  `deployment` and `status` are the vendor's objects.
#}
{% macro github_deployment_laterals(deployment, status) %}
    cross join lateral jsonb_to_record({{ json_object(deployment) }})
        as deployment (id text, sha text, ref text, task text, environment text, created_at text)
    cross join lateral jsonb_to_record({{ json_object(status) }})
        as status (id text, state text, environment text, description text, created_at text)
{%- endmacro %}

{# `inactive` says that a newer deployment took over, which that one says itself. #}
{% macro is_github_deployment_event() -%}
    deployment.id is not null
    and lower(status.state) in ('success', 'failure', 'error', 'in_progress', 'queued', 'pending')
{%- endmacro %}

{% macro github_deployment_columns(default_branch, told_at) %}
        {%- set reported_at = "coalesce(" ~ safe_timestamp('status.created_at') ~ ", " ~ told_at ~ ")" %}
        'github' as source,
        {{ reported_at }} as event_timestamp,
        case
            when lower(status.state) = 'success' then 'deploy_completed'
            when lower(status.state) in ('failure', 'error') then 'deploy_failed'
            else 'deploy_started'
        end as event_type,
        'github/' || coalesce(deployment.task, 'deploy') as pipeline_id,
        deployment.id as pipeline_run_id,
        {{ environment_name("coalesce(nullif(status.environment, ''), nullif(deployment.environment, ''), 'production')") }}
            as environment,
        case when lower(status.state) = 'error' then 'failure' else lower(status.state) end as status,
        extract(epoch from {{ reported_at }} - {{ safe_timestamp('deployment.created_at') }})::integer
            as duration_seconds,
        lower(nullif(deployment.sha, '')) as commit_sha,
        null::text as trigger_type,
        -- A tag tells a version; the default branch tells none.
        nullif(nullif(deployment.ref, {{ default_branch }}), deployment.sha) as artefact_version,
        case when lower(status.state) in ('failure', 'error') then nullif(status.description, '') end as failure_reason,
        null::text as service_name,
        null::text as rollback_of,
        null::integer as named_pr_number,
        null::text as named_ticket_id,
        null::timestamptz as first_commit_at
{%- endmacro %}

{# Which deliveries a staging table has not read yet: landing ids grow in the order of commits. #}
{% macro landed_since_last_build(column='landing_id') %}
    {%- if is_incremental() %}
        and {{ column }} > (select coalesce(max(landing_id), 0) from {{ this }})
    {%- endif %}
{%- endmacro %}

{# A count that fits an integer, from text. #}
{% macro safe_count(value) -%}
    case when {{ value }} ~ '^\d{1,9}$' then ({{ value }})::integer end
{%- endmacro %}

{# What names a pull request everywhere: `org/repository#number`. #}
{% macro pull_request_key(repo_full_name, pr_number) -%}
    {{ repo_full_name }} || '#' || {{ pr_number }}
{%- endmacro %}

{#
  Everything in a free text that looks like a ticket key, in order of appearance. Whether it is one
  (UTF-8 is not) is decided where the known projects are.
#}
{% macro ticket_keys_in_text(value) -%}
    case
        when {{ value }} ~ '[A-Z][A-Z0-9]+-\d'
        then array(select (match)[1] from regexp_matches({{ value }}, '\m[A-Z][A-Z0-9]+-\d+\M', 'g') as match)
        else '{}'::text[]
    end
{%- endmacro %}

{# When dlt loaded a row: its load ids are seconds since 1970. #}
{% macro load_time(load_id) -%}
    case when {{ load_id }} ~ '^\d{9,10}([.]\d+)?$' then to_timestamp(({{ load_id }})::double precision) end
{%- endmacro %}
