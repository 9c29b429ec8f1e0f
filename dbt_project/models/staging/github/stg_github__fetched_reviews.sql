{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='observation_key',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['pull_request_key']},
        {'columns': ['revision']},
    ],
    meta={'touched': 'touched_fetched_reviews', 'touched_key': 'pull_request_key'},
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with pull_requests as (
    select *
    from {{ ref('stg_github__fetched_pull_requests') }}
    {% if is_incremental() %}
    where revision > {{ applied_revision() }}
    {% endif %}
),

fetched as (
    select * from {{ source('raw_github', 'pull_requests') }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        pull_requests.observation_key || '/' || (listed.value ->> 'id') as observation_key,
        {%- for column in pull_request_observation_columns(without=['observation_key', 'revision']).split(', ') %}
        pull_requests.{{ column }},
        {%- endfor %}
        {{ github_review_columns() }},
        revision.revision
    from pull_requests
    inner join fetched
        on pull_requests.repo_full_name = fetched.repo_full_name and pull_requests.pr_number = fetched.pr_number
    cross join revision
    cross join lateral jsonb_path_query(fetched.reviews, '$[*] ? (@.type() == "object")') as listed (value)
    {{ github_review_lateral('listed.value') }}
    where listed.value ->> 'id' is not null
)

select * from final
