{#
  What GitLab says about a merge request: in a delivery (`object_attributes` of a Merge Request Hook, `merge_request` of
  a Note Hook, the same words) and in what was fetched. Deliveries tell whole seconds, the API milliseconds: seconds
  count, so that both tell the same event.
#}

{# Deliveries write `2026-01-05 09:00:00 UTC` or `+0200`, the API and newer deliveries ISO 8601. #}
{% macro gitlab_timestamp(value) -%}
    {%- set iso -%}
        regexp_replace(replace({{ value }}, ' UTC', 'Z'), ' ([+-]\d)', '\1')
    {%- endset -%}
    date_trunc('second', {{ safe_timestamp(iso) }})
{%- endmacro %}

{% macro gitlab_delivery_laterals(merge_request) %}
    cross join lateral jsonb_to_record({{ json_object('deliveries.payload') }})
        as delivery (
            project jsonb, "user" jsonb, object_attributes jsonb, merge_request jsonb, changes jsonb, reviewers jsonb
        )
    cross join lateral jsonb_to_record({{ json_object('delivery.project') }})
        as project (path_with_namespace text, default_branch text)
    cross join lateral jsonb_to_record({{ json_object(merge_request) }})
        as merge_request (
            iid text, title text, description text, draft text, work_in_progress text, state text, action text,
            oldrev text, author_id text, source_branch text, target_branch text, last_commit jsonb, labels jsonb,
            created_at text, updated_at text, merge_commit_sha text
        )
{%- endmacro %}

{# What happened, in the words of GitHub's deliveries, which the event models know. #}
{% macro gitlab_action() -%}
    case
        when merge_request.action = 'open' then 'opened'
        when merge_request.action = 'reopen' then 'reopened'
        when merge_request.action in ('close', 'merge') then 'closed'
        when delivery.changes #>> '{draft,current}' = 'false' then 'ready_for_review'
        when delivery.changes #>> '{draft,current}' = 'true' then 'converted_to_draft'
        when merge_request.oldrev is not null then 'synchronize'
        when merge_request.action = 'update' then 'edited'
        else coalesce(merge_request.action, '')
    end
{%- endmacro %}

{#
  Who approves, takes the approval back or asks for changes sends a Merge Request Hook too; those are reviews. Asking
  for changes is an update of one's own entry among the reviewers.
#}
{% macro gitlab_review_state() -%}
    case
        when merge_request.action in ('approved', 'approval') then 'approved'
        when merge_request.action in ('unapproved', 'unapproval') then 'dismissed'
        when
            merge_request.action = 'update'
            and delivery.changes ? 'reviewers'
            and jsonb_path_exists(
                delivery.reviewers,
                '$[*] ? (@.state == "requested_changes" && @.person_hash == $who)',
                jsonb_build_object('who', delivery.user ->> 'person_hash')
            )
            then 'changes_requested'
    end
{%- endmacro %}

{#
  Deliveries name no instant of merging or closing: it is the last change, of the delivery that tells of it. Those that
  come while a merge request is closed would tell that it is open, so they are left out by `is_gitlab_observation`.
#}
{% macro gitlab_delivery_columns(action) %}
        'gitlab' as source,
        {{ delivery_key() }} as observation_key,
        deliveries.landing_id,
        deliveries.received_at,
        {{ action }} as action,
        false as is_fetched,
        {{ pull_request_key('project.path_with_namespace', safe_count('merge_request.iid')) }} as pull_request_key,
        project.path_with_namespace as repo_full_name,
        project.default_branch,
        {{ safe_count('merge_request.iid') }} as pr_number,
        merge_request.title,
        {{ ticket_keys_in_text('merge_request.description') }} as body_ticket_keys,
        merge_request.author_id as author_hash,
        false as author_is_bot,
        {{ is_gitlab_draft() }} as is_draft,
        merge_request.source_branch as branch_name,
        merge_request.last_commit ->> 'id' as head_sha,
        merge_request.target_branch as base_branch,
        array(
            select lower(label ->> 'title')
            from jsonb_path_query(merge_request.labels, '$[*] ? (@.type() == "object")') as label
            where label ->> 'title' is not null
        ) as label_names,
        {{ gitlab_timestamp('merge_request.created_at') }} as opened_at,
        coalesce({{ gitlab_timestamp('merge_request.updated_at') }}, deliveries.received_at) as updated_at,
        case
            when {{ action }} = 'ready_for_review'
                then coalesce({{ gitlab_timestamp('merge_request.updated_at') }}, deliveries.received_at)
        end as ready_at,
        null::timestamptz as first_commit_at,
        case
            when merge_request.action = 'merge'
                then coalesce({{ gitlab_timestamp('merge_request.updated_at') }}, deliveries.received_at)
        end as merged_at,
        case
            when merge_request.action in ('close', 'merge')
                then coalesce({{ gitlab_timestamp('merge_request.updated_at') }}, deliveries.received_at)
        end as closed_at,
        -- A fast-forward makes no commit: the head itself is on the branch then.
        case
            when merge_request.action = 'merge'
                then lower(coalesce(nullif(merge_request.merge_commit_sha, ''), merge_request.last_commit ->> 'id'))
        end as merge_commit_sha,
        null::integer as lines_added,
        null::integer as lines_removed,
        null::integer as files_changed,
        null::integer as comments_count,
        null::text as installation_id
{%- endmacro %}

{% macro is_gitlab_draft() -%}
    (
        coalesce(merge_request.draft, merge_request.work_in_progress, 'false') = 'true'
        or coalesce(merge_request.title ~* '^\s*(\[(draft|wip)\]|\(draft\)|(draft|wip):)', false)
    )
{%- endmacro %}

{% macro is_gitlab_observation() -%}
    project.path_with_namespace is not null
    and {{ safe_count('merge_request.iid') }} is not null
    and (merge_request.state is distinct from 'closed' or coalesce(merge_request.action = 'close', false))
{%- endmacro %}

{# GitLab knows what an environment is for, whatever its name; of those without a purpose the name counts. #}
{% macro gitlab_environment(name, tier) -%}
    case
        when {{ tier }} in ('production', 'staging') then {{ tier }}
        when {{ tier }} = 'development' then 'dev'
        else {{ environment_name(name) }}
    end
{%- endmacro %}

{# What a delivery and a fetched pipeline say in the same words. GitLab's retries keep the pipeline's number. #}
{% macro gitlab_pipeline_lateral(pipeline) %}
    cross join lateral jsonb_to_record({{ json_object(pipeline) }})
        as pipeline (id text, sha text, status text, source text, finished_at text, duration text)
{%- endmacro %}

{% macro is_gitlab_build() -%}
    pipeline.id is not null and pipeline.status in ('success', 'failed', 'canceled')
{%- endmacro %}

{% macro gitlab_pipeline_columns(told_at) %}
        'gitlab' as source,
        coalesce({{ gitlab_timestamp('pipeline.finished_at') }}, {{ told_at }}) as event_timestamp,
        'build_completed' as event_type,
        'gitlab/pipeline' as pipeline_id,
        pipeline.id as pipeline_run_id,
        'ci' as environment,
        {{ gitlab_outcome('pipeline.status') }} as status,
        round({{ safe_number('pipeline.duration') }})::integer as duration_seconds,
        lower(nullif(pipeline.sha, '')) as commit_sha,
        pipeline.source as trigger_type,
        null::text as artefact_version,
        null::text as failure_reason,
        {{ names_nothing() }}
{%- endmacro %}

{% macro gitlab_outcome(status) -%}
    case {{ status }} when 'failed' then 'failure' when 'canceled' then 'cancelled' else {{ status }} end
{%- endmacro %}

{# What a vendor's own pipelines say nothing of. #}
{% macro names_nothing() %}
        null::text as service_name,
        null::text as rollback_of,
        null::integer as named_pr_number,
        null::text as named_ticket_id,
        null::text as installation_id,
        null::timestamptz as first_commit_at
{%- endmacro %}

{# A deployment that was cancelled or skipped reached nobody and says nothing about the change: no event. #}
{% macro gitlab_deployment_event(status) -%}
    case {{ status }}
        when 'running' then 'deploy_started'
        when 'success' then 'deploy_completed'
        when 'failed' then 'deploy_failed'
    end
{%- endmacro %}

{% macro touched_gitlab_fetched_reviews(given=none) %}
    select pull_request_key
    from {{ ref('stg_gitlab__fetched_merge_requests') }}
    where revision > {{ applied_revision() }}
{% endmacro %}
