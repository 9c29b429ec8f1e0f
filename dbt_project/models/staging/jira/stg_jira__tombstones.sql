{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='issue_id',
    indexes=[
        {'columns': ['issue_id'], 'unique': true},
        {'columns': ['revision']},
    ],
    post_hook="{{ finish_table() }}",
) }}

with tombstones as (
    select raw.id, raw.key, raw.state, raw.observed_at, raw._dlt_load_id
    from {{ source('raw_jira', 'tombstones') }} as raw
    {% if is_incremental() %}
    where
        not exists (
            select 1
            from {{ this }} as known
            where known.issue_id = raw.id and known._dlt_load_id = raw._dlt_load_id
        )
    {% endif %}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        tombstones.id as issue_id,
        revision.revision,
        upper(tombstones.key) as ticket_id,
        tombstones.state,
        tombstones.observed_at,
        tombstones._dlt_load_id
    from tombstones
    cross join revision
)

select * from final
