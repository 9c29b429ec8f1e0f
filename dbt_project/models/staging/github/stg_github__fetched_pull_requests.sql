{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='observation_key',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['pull_request_key']},
        {'columns': ['revision']},
    ],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with fetched as (
    select
        raw.repo_full_name,
        raw.pr_number,
        {{ json_object('raw.repository') }} as repository,
        {{ json_object('raw.pull_request') }} as pull_request,
        raw.commits,
        raw.ready_at,
        raw.fetched_at,
        raw._dlt_load_id
    from {{ source('raw_github', 'pull_requests') }} as raw
    {{- loaded_since_last_build("known.observation_key = " ~ fetched_key('raw.repo_full_name', 'raw.pr_number')) }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        {{ fetched_key('fetched.repo_full_name', 'fetched.pr_number') }} as observation_key,
        null::bigint as landing_id,
        fetched.fetched_at as received_at,
        '' as action,
        true as is_fetched,
        fetched.ready_at as marked_ready_at,
        (
            select min({{ safe_timestamp("listed.value ->> 'authored_at'") }})
            from jsonb_path_query(fetched.commits, '$[*] ? (@.type() == "object")') as listed (value)
        ) as first_commit_at,
        null::text as installation_id,
        fetched._dlt_load_id,
        {{ github_pull_request_columns('fetched.fetched_at') }}
    from fetched
    {{ github_pull_request_laterals('fetched') }}
),

final as (
    select
        {{ pull_request_observation_columns(without=['ready_at', 'revision']) }},
        -- Never marked and no draft: it was opened ready.
        coalesce(parsed.marked_ready_at, case when not parsed.is_draft then parsed.opened_at end) as ready_at,
        revision.revision,
        parsed._dlt_load_id
    from parsed
    cross join revision
    where parsed.pull_request_key is not null
)

select * from final
