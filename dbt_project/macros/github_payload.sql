{#
  What GitHub says about a pull request, in a `pull_request` or `pull_request_review` delivery or in what was fetched,
  which uses the same words: the same columns for all. A stored payload is decompressed once, by the outermost
  jsonb_to_record; everything below works on what came out of it. Garbled values become NULL (macros/safe_casts.sql).
#}
{% macro github_delivery_laterals() %}
    cross join lateral jsonb_to_record({{ json_object('deliveries.payload') }})
        as delivery (action text, repository jsonb, installation jsonb, pull_request jsonb, review jsonb)
    {{ github_pull_request_laterals('delivery') }}
{%- endmacro %}

{% macro github_pull_request_laterals(relation) %}
    cross join lateral jsonb_to_record({{ json_object(relation ~ '.repository') }})
        as repository (full_name text, default_branch text)
    cross join lateral jsonb_to_record({{ json_object(relation ~ '.pull_request') }})
        as pull_request (
            "number" text, title text, body text, draft text, "user" jsonb, head jsonb, base jsonb, labels jsonb,
            created_at text, updated_at text, merged_at text, closed_at text, merge_commit_sha text,
            additions text, deletions text, changed_files text, comments text, review_comments text
        )
{%- endmacro %}

{% macro github_delivery_columns() %}
        {{ delivery_key() }} as observation_key,
        deliveries.landing_id,
        deliveries.received_at,
        coalesce(delivery.action, '') as action,
        false as is_fetched,
        case
            when delivery.action = 'ready_for_review'
                then coalesce({{ safe_timestamp('pull_request.updated_at') }}, deliveries.received_at)
        end as ready_at,
        null::timestamptz as first_commit_at,
        delivery.installation ->> 'id' as installation_id,
        {{ github_pull_request_columns('deliveries.received_at') }}
{%- endmacro %}

{% macro github_pull_request_columns(told_at) %}
        'github' as source,
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
        coalesce({{ safe_timestamp('pull_request.updated_at') }}, {{ told_at }}) as updated_at,
        {{ safe_timestamp('pull_request.merged_at') }} as merged_at,
        {{ safe_timestamp('pull_request.closed_at') }} as closed_at,
        -- Of an open pull request this is a trial merge that never reaches the branch.
        case when pull_request.merged_at is not null then lower(pull_request.merge_commit_sha) end as merge_commit_sha,
        {{ safe_count('pull_request.additions') }} as lines_added,
        {{ safe_count('pull_request.deletions') }} as lines_removed,
        {{ safe_count('pull_request.changed_files') }} as files_changed,
        {{ safe_count('pull_request.comments') }} + {{ safe_count('pull_request.review_comments') }} as comments_count
{%- endmacro %}

{# What GitHub says about a review. #}
{% macro github_review_lateral(review) %}
    cross join lateral jsonb_to_record({{ json_object(review) }})
        as review (id text, "user" jsonb, state text, submitted_at text, commit_id text)
{%- endmacro %}

{% macro github_review_columns() %}
        review.id as review_id,
        review.user ->> 'person_hash' as reviewer_hash,
        coalesce(review.user ->> 'type' = 'Bot', false) as reviewer_is_bot,
        -- REST writes APPROVED, webhooks approved.
        lower(review.state) as review_state,
        {{ safe_timestamp('review.submitted_at') }} as submitted_at,
        review.commit_id as reviewed_sha
{%- endmacro %}

{#
  What a deployment and a status of it say, as a row of the pipelines' events; the same for deliveries and what was
  fetched. Without a status it is the deployment's creation, which is its start.
#}
{% macro github_deployment_laterals(deployment, status) %}
    cross join lateral jsonb_to_record({{ json_object(deployment) }})
        as deployment (id text, sha text, ref text, task text, environment text, created_at text)
    cross join lateral jsonb_to_record({{ json_object(status) }})
        as status (state text, environment text, description text, created_at text)
{%- endmacro %}

{# What the names of default branches depend on; a list that was fetched later changes what a deployment's ref tells. #}
{% macro default_branches_fingerprint() -%}
    (
        select md5(string_agg(full_name || '=' || default_branch, '|' order by full_name collate "C", default_branch))
        from {{ source('raw_github', 'repositories') }}
    )
{%- endmacro %}

{# `inactive` says that a newer deployment took over, which that one says itself. #}
{% macro is_github_deployment_event() -%}
    deployment.id is not null
    and lower(coalesce(status.state, 'pending'))
    in ('success', 'failure', 'error', 'in_progress', 'queued', 'pending')
{%- endmacro %}

{% macro github_deployment_columns(default_branch, told_at) %}
        {%- set reported_at -%}
            coalesce(
                case
                    when status.state is null then {{ safe_timestamp('deployment.created_at') }}
                    else {{ safe_timestamp('status.created_at') }}
                end,
                {{ told_at }}
            )
        {%- endset %}
        'github' as source,
        {{ reported_at }} as event_timestamp,
        case
            when lower(status.state) = 'success' then 'deploy_completed'
            when lower(status.state) in ('failure', 'error') then 'deploy_failed'
            else 'deploy_started'
        end as event_type,
        'github/' || coalesce(deployment.task, 'deploy') as pipeline_id,
        deployment.id as pipeline_run_id,
        {{ environment_name(
            "coalesce(nullif(status.environment, ''), nullif(deployment.environment, ''), 'production')"
        ) }} as environment,
        case when lower(status.state) = 'error' then 'failure' else lower(coalesce(status.state, 'pending')) end
            as status,
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

{#
  For staging of what dlt loads: rows of `raw` whose load the staging table does not hold yet. By load, not by a
  highest load: two loads may finish in another order than they began.
#}
{% macro loaded_since_last_build(condition) %}
    {%- if is_incremental() %}
    where
        {{ applied_revision() }} < 0
        or not exists (
            select 1
            from {{ this }} as known
            where {{ condition }} and known._dlt_load_id = raw._dlt_load_id
        )
    {%- endif %}
{%- endmacro %}

{# When dlt loaded a row: its load ids are seconds since 1970. #}
{% macro load_time(load_id) -%}
    case when {{ load_id }} ~ '^\d{9,10}([.]\d+)?$' then to_timestamp(({{ load_id }})::double precision) end
{%- endmacro %}
