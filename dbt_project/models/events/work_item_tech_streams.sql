{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='ticket_id',
    meta={'touched': 'changed_tech_streams', 'touched_key': 'ticket_id'},
    indexes=[
        {'columns': ['ticket_id'], 'unique': true},
        {'columns': ['revision']},
    ],
    post_hook="{{ finish_table() }}",
) }}

-- A pull request that is linked to another ticket leaves no trace at the first one, so what stands
-- is compared with what is found, and only tickets that differ are written.
with tickets as (
    select ticket_id, field_tech_stream_ids
    from {{ ref('work_item_attributes') }}
),

linked as (
    select linked_ticket_id as ticket_id, array_agg(distinct tech_stream_id) as tech_stream_ids
    from {{ ref('pull_requests') }}
    where linked_ticket_id is not null and tech_stream_id is not null
    group by linked_ticket_id
),

revision as materialized (
    select {{ next_revision() }} as revision
),

found as (
    select
        tickets.ticket_id,
        case
            when tickets.field_tech_stream_ids <> '{}' then tickets.field_tech_stream_ids
            else coalesce(linked.tech_stream_ids, '{}')
        end as tech_stream_ids,
        case
            when tickets.field_tech_stream_ids <> '{}' then 'field'
            when linked.ticket_id is not null then 'pull_request'
        end as tech_stream_method
    from tickets
    left join linked on tickets.ticket_id = linked.ticket_id
),

final as (
    select found.ticket_id, revision.revision, found.tech_stream_ids, found.tech_stream_method
    from found
    cross join revision
    {% if is_incremental() %}
    left join {{ this }} as known on found.ticket_id = known.ticket_id
    where
        known.ticket_id is null
        or known.tech_stream_ids <> found.tech_stream_ids
        or known.tech_stream_method is distinct from found.tech_stream_method
    {% endif %}
)

select * from final
