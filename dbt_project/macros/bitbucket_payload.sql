{#
  What Bitbucket says about a pull request, in a delivery and in what was fetched, in the same words. Commits of pull
  requests are named by twelve digits. Whole seconds count: a delivery and the activity of one merge differ by less.
#}
{% macro bitbucket_timestamp(value) -%}
    date_trunc('second', {{ safe_timestamp(value) }})
{%- endmacro %}

{% macro bitbucket_pull_request_lateral(pull_request) %}
    cross join lateral jsonb_to_record({{ json_object(pull_request) }})
        as pull_request (
            id text, title text, description text, state text, draft text, author jsonb, source jsonb,
            destination jsonb, merge_commit jsonb, comment_count text, created_on text, updated_on text
        )
{%- endmacro %}

{% macro bitbucket_pull_request_columns(told_at) %}
        'bitbucket' as source,
        {{ safe_count('pull_request.id') }} as pr_number,
        pull_request.title,
        {{ ticket_keys_in_text('pull_request.description') }} as body_ticket_keys,
        pull_request.author ->> 'person_hash' as author_hash,
        {{ is_bitbucket_bot('pull_request.author') }} as author_is_bot,
        (
            coalesce(pull_request.draft, 'false') = 'true'
            or coalesce(pull_request.title ~* '^\s*(\[(draft|wip)\]|\(draft\)|(draft|wip):)', false)
        ) as is_draft,
        pull_request.source #>> '{branch,name}' as branch_name,
        lower(pull_request.source #>> '{commit,hash}') as head_sha,
        pull_request.destination #>> '{branch,name}' as base_branch,
        -- Bitbucket has no labels.
        '{}'::text[] as label_names,
        {{ bitbucket_timestamp('pull_request.created_on') }} as opened_at,
        coalesce({{ bitbucket_timestamp('pull_request.updated_on') }}, {{ told_at }}) as updated_at
{%- endmacro %}

{# Access tokens and apps act through accounts of their own. #}
{% macro is_bitbucket_bot(account) -%}
    coalesce({{ account }} ->> 'type' in ('app_user', 'AppUser'), false)
{%- endmacro %}

{% macro bitbucket_delivery_laterals() %}
    cross join lateral jsonb_to_record({{ json_object('deliveries.payload') }})
        as delivery (
            repository jsonb, pullrequest jsonb, actor jsonb, approval jsonb, changes_request jsonb, comment jsonb
        )
    cross join lateral jsonb_to_record({{ json_object('delivery.repository') }})
        as repository (full_name text)
    {{ bitbucket_pull_request_lateral('delivery.pullrequest') }}
{%- endmacro %}

{#
  Deliveries name no instant of merging or declining: it is the last change, of the delivery that tells of it. Those
  that come while a pull request is declined would tell that it is open, so `is_bitbucket_observation` leaves them out.
#}
{% macro bitbucket_delivery_columns(action) %}
        {{ delivery_key() }} as observation_key,
        deliveries.landing_id,
        deliveries.received_at,
        {{ action }} as action,
        false as is_fetched,
        {{ pull_request_key('repository.full_name', safe_count('pull_request.id')) }} as pull_request_key,
        repository.full_name as repo_full_name,
        null::text as default_branch,
        {{ bitbucket_pull_request_columns('deliveries.received_at') }},
        null::timestamptz as ready_at,
        null::timestamptz as first_commit_at,
        case
            when deliveries.event_name = 'pullrequest:fulfilled'
                then coalesce({{ bitbucket_timestamp('pull_request.updated_on') }}, deliveries.received_at)
        end as merged_at,
        case
            when deliveries.event_name in ('pullrequest:fulfilled', 'pullrequest:rejected')
                then coalesce({{ bitbucket_timestamp('pull_request.updated_on') }}, deliveries.received_at)
        end as closed_at,
        case
            when deliveries.event_name = 'pullrequest:fulfilled' then lower(pull_request.merge_commit ->> 'hash')
        end as merge_commit_sha,
        null::integer as lines_added,
        null::integer as lines_removed,
        null::integer as files_changed,
        null::integer as comments_count,
        null::text as installation_id
{%- endmacro %}

{% macro is_bitbucket_observation() -%}
    repository.full_name is not null
    and {{ safe_count('pull_request.id') }} is not null
    and (
        coalesce(pull_request.state, 'OPEN') not in ('DECLINED', 'SUPERSEDED')
        or deliveries.event_name = 'pullrequest:rejected'
    )
{%- endmacro %}

{# A name for each build: Bitbucket's own pipelines by their number, those of other tools by key and commit. #}
{% macro bitbucket_build_number(name) -%}
    substring({{ name }} from '^Pipeline #(\d+)')
{%- endmacro %}

{% macro bitbucket_outcome(result) -%}
    case {{ result }}
        when 'SUCCESSFUL' then 'success'
        when 'FAILED' then 'failure'
        when 'ERROR' then 'failure'
        when 'EXPIRED' then 'failure'
        when 'STOPPED' then 'cancelled'
    end
{%- endmacro %}

{# Bitbucket knows what an environment is for, whatever its name; those for tests go by their name. #}
{% macro bitbucket_environment(name, kind) -%}
    case
        when {{ kind }} in ('Production', 'Staging') then lower({{ kind }})
        else {{ environment_name(name) }}
    end
{%- endmacro %}

{% macro touched_bitbucket_fetched_reviews(given=none) %}
    select pull_request_key
    from {{ ref('stg_bitbucket__fetched_pull_requests') }}
    where revision > {{ applied_revision() }}
{% endmacro %}
