{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='ticket_id',
    indexes=[
        {'columns': ['ticket_id'], 'unique': true},
        {'columns': ['revision']},
        {'columns': ['issue_id']},
    ],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build() }}",
) }}

with webhooks as (
    select ticket_id, moved_from_key
    from {{ ref('stg_jira__issue_events') }}
    {% if is_incremental() %}
    where revision > {{ applied_revision() }}
    {% endif %}
),

fetched as (
    select issue_id, ticket_id
    from {{ ref('stg_jira__issues') }}
    {% if is_incremental() %}
    where revision > {{ applied_revision() }}
    {% endif %}
),

fetched_moves as (
    select changes.moved_from_key
    from fetched
    inner join {{ ref('stg_jira__issue_changes') }} as changes on fetched.issue_id = changes.issue_id
    where changes.moved_from_key is not null
),

looked_for as (
    select issue_id, ticket_id
    from {{ ref('stg_jira__tombstones') }}
    {% if is_incremental() %}
    where revision > {{ applied_revision() }}
    {% endif %}
),

named as (
    select ticket_id, null::text as issue_id from webhooks
    union
    select moved_from_key, null
    from webhooks
    where moved_from_key is not null
    union
    select ticket_id, issue_id from fetched
    union
    select moved_from_key, null from fetched_moves
    union
    select ticket_id, null from looked_for
    {% if is_incremental() %}
    union
    -- The key under which an issue was fetched before it moved.
    select known.ticket_id, known.issue_id
    from {{ this }} as known
    inner join fetched on known.issue_id = fetched.issue_id
    union
    select known.ticket_id, known.issue_id
    from {{ this }} as known
    inner join looked_for on known.issue_id = looked_for.issue_id
    {% endif %}
),

-- A ticket that moved is touched under the key it has now, whatever former key a late delivery names.
with_present_keys as (
    select ticket_id, issue_id from named
    union
    select aliases.ticket_id, null
    from ({{ ticket_aliases() }}) as aliases
    inner join named on aliases.former_ticket_id = named.ticket_id
),

revision as materialized (
    select {{ next_revision() }} as revision
),

keyed as (
    select ticket_id, max(issue_id) as issue_id
    from with_present_keys
    group by ticket_id
),

final as (
    select
        keyed.ticket_id,
        {% if is_incremental() %}
        coalesce(keyed.issue_id, known.issue_id) as issue_id,
        {% else %}
        keyed.issue_id,
        {% endif %}
        revision.revision
    from keyed
    cross join revision
    {% if is_incremental() %}
    left join {{ this }} as known on keyed.ticket_id = known.ticket_id
    {% endif %}
)

select * from final
