-- Work items as the Flow metrics see them: what the tickets' own fields say comes before what their workflow tells.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='ticket_id',
    meta={'touched': 'touched_flow_items', 'touched_key': 'ticket_id', 'volatile': ['revision']},
    indexes=[
        {'columns': ['ticket_id'], 'unique': true},
        {'columns': ['revision']},
    ],
    pre_hook="{{ begin_build(flow_items_fingerprint()) }}",
    post_hook="{{ end_build() }}",
) }}

with work_items as (
    select *
    from {{ ref('work_items') }}
    {{ where_flow_item_touched() }}
),

work_item_cycles as (
    select *
    from {{ ref('work_item_cycles') }}
    {{ where_flow_item_touched() }}
),

stated as (
    select distinct on (ticket_id)
        *,
        coalesce(work_started_date, work_completed_date) is not null as has_dates
    from {{ ref('stg_jira__mapped_fields_latest') }}
    {{ where_flow_item_touched() }}
    order by ticket_id, revision desc, issue_id
),

revision as materialized (
    select {{ next_revision() }} as revision
),

flow_item_types as (
    select * from {{ ref('flow_item_types') }}
),

business_calendar as (
    select * from {{ ref('business_calendar') }}
),

-- The words that occur are few: each is looked at once.
words as (
    select flow_item_type as written
    from stated
    where flow_item_type is not null
    union
    select ticket_type
    from work_items
    where ticket_type is not null
),

recognised as (
    select distinct on (words.written)
        words.written,
        flow_item_types.flow_item_type
    from words
    inner join flow_item_types on replace(lower(words.written), '_', ' ') ~ flow_item_types.pattern
    order by words.written, flow_item_types.rank
),

-- An item that the workflow knows to be open is not completed, whatever a field says; of one in a status that nobody
-- mapped the field alone tells.
joined as (
    select
        work_items.ticket_id,
        work_items.delivery_stream_id,
        work_items.tech_stream_ids,
        work_items.ticket_type,
        case when stated.flow_item_type is null then by_type.flow_item_type else by_field.flow_item_type end
            as flow_item_type,
        case
            when by_field.flow_item_type is not null then 'field'
            when stated.flow_item_type is null and by_type.flow_item_type is not null then 'ticket_type'
        end as flow_item_type_source,
        coalesce(stated.work_started_date, work_items.first_in_progress) as started_at,
        case
            when work_item_cycles.ticket_id is not null
                then coalesce(stated.work_completed_date, work_item_cycles.completed_at)
            when work_items.current_stage is null then stated.work_completed_date
        end as completed_at,
        work_item_cycles.ticket_id is not null as is_completed_by_workflow,
        work_items.current_stage,
        case when work_items.current_stage is null then stated.status_entry_timestamp end as stated_entry_at,
        coalesce(stated.has_dates, false) as has_dates,
        case when stated.flow_time_days >= 0 then stated.flow_time_days end as stated_days,
        case when stated.active_work_hours >= 0 then stated.active_work_hours end as active_work_hours,
        work_item_cycles.cycle_time_days,
        work_item_cycles.flow_efficiency_pct
    from work_items
    left join work_item_cycles on work_items.ticket_id = work_item_cycles.ticket_id
    left join stated on work_items.ticket_id = stated.ticket_id
    left join recognised as by_field on stated.flow_item_type = by_field.written
    left join recognised as by_type on work_items.ticket_type = by_type.written
    where not work_items.is_deleted
),

timed as (
    select
        joined.*,
        case
            when joined.has_dates and joined.completed_at >= joined.started_at
                then {{ business_days(
                    business_clock('joined.started_at', 'start_day'), business_clock('joined.completed_at', 'end_day')
                ) }}
        end as days_between
    from joined
    left join business_calendar as start_day
        on joined.has_dates and start_day.day = {{ local_date('joined.started_at') }}
    left join business_calendar as end_day
        on joined.has_dates and end_day.day = {{ local_date('joined.completed_at') }}
),

measured as (
    select
        *,
        case
            when completed_at is null then null
            when stated_days is not null then stated_days
            when has_dates then days_between
            else cycle_time_days
        end as flow_time_days,
        case
            when completed_at is null then null
            when stated_days is not null then 'stated'
            when has_dates and days_between is not null then 'dates'
            when not has_dates and cycle_time_days is not null then 'workflow'
        end as flow_time_source
    from timed
),

final as (
    select
        ticket_id,
        revision.revision,
        delivery_stream_id,
        tech_stream_ids,
        ticket_type,
        flow_item_type,
        flow_item_type_source,
        started_at,
        completed_at,
        is_completed_by_workflow,
        flow_time_days,
        flow_time_source,
        coalesce(
            flow_efficiency_pct,
            case
                when active_work_hours <= flow_time_days * 24 and flow_time_days > 0
                    then trim_scale(round(active_work_hours / (flow_time_days * 24) * 100, 4))
            end
        ) as flow_efficiency_pct,
        stated_entry_at,
        current_stage is null and started_at is not null and completed_at is null as is_in_progress_by_fields
    from measured
    cross join revision
)

select * from final
