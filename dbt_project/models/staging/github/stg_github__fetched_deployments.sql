{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['repo_full_name', 'pipeline_run_id'],
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['pipeline_run_id']},
        {'columns': ['revision']},
    ],
    pre_hook="{{ begin_build(default_branches_fingerprint()) }}",
    post_hook="{{ end_build() }}",
) }}

with fetched as (
    select raw.*
    from {{ source('raw_github', 'deployments') }} as raw
    {{- loaded_since_last_build(
        "known.pipeline_run_id = raw.deployment_id and known.repo_full_name = raw.repo_full_name"
    ) }}
),

repositories as (
    select
        full_name,
        max(default_branch) as default_branch
    from {{ source('raw_github', 'repositories') }}
    group by full_name
),

revision as materialized (
    select {{ next_revision() }} as revision
),

-- Its creation is its start; each status is a row of its own.
reports as (
    select
        fetched.*,
        listed.place,
        listed.status
    from fetched
    cross join
        lateral (
            select
                0 as place,
                '{}'::jsonb as status
            union all
            select
                told.place,
                told.status
            from jsonb_path_query(fetched.statuses, '$[*] ? (@.type() == "object")')
            with ordinality as told (status, place)
        ) as listed
),

final as (
    select
        {{ fetched_key('reports.repo_full_name', "reports.deployment_id || '/' || reports.place") }}
            as observation_key,
        null::bigint as landing_id,
        reports.fetched_at as received_at,
        {{ github_deployment_columns('repositories.default_branch', 'reports.fetched_at') }},
        reports.repo_full_name,
        null::text as installation_id,
        revision.revision,
        reports._dlt_load_id
    from reports
    cross join revision
    left join repositories on reports.repo_full_name = repositories.full_name
    {{ github_deployment_laterals('reports.deployment', 'reports.status') }}
    where {{ is_github_deployment_event() }}
)

select * from final
