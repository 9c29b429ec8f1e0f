{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='observation_key',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['pipeline_run_id']},
        {'columns': ['revision']},
    ],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with fetched as (
    select raw.*
    from {{ source('raw_gitlab', 'pipelines') }} as raw
    {{- loaded_since_last_build(
        "known.observation_key = 'fetched:' || raw.repo_full_name || '/pipeline/' || raw.pipeline_id"
    ) }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        'fetched:' || fetched.repo_full_name || '/pipeline/' || fetched.pipeline_id as observation_key,
        null::bigint as landing_id,
        fetched.fetched_at as received_at,
        {{ gitlab_pipeline_columns('fetched.updated_at') }},
        fetched.repo_full_name,
        revision.revision,
        fetched._dlt_load_id
    from fetched
    cross join revision
    {{ gitlab_pipeline_lateral('fetched.pipeline') }}
    where {{ is_gitlab_build() }}
)

select * from final
