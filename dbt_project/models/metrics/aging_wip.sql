-- Every item in progress: how long it has been where it is, how old it is, and whether that is late for its stream.
{{ config(materialized='table') }}

with work_items as (
    select
        ticket_id,
        delivery_stream_id,
        tech_stream_ids,
        ticket_type,
        current_stage,
        is_active_work,
        is_blocked,
        entered_stage_at,
        first_in_progress
    from {{ ref('work_items') }}
    where
        ({{ is_work_in_progress('current_stage') }} or current_stage is null)
        and not is_deleted
        and not is_out_of_scope
),

work_item_flow as (
    select * from {{ ref('work_item_flow') }}
),

stage_ages as (
    select * from {{ ref('stage_ages') }}
    where stream_type = 'delivery'
),

business_calendar as (
    select * from {{ ref('business_calendar') }}
),

-- In a status that nobody mapped an item is in progress where its fields say so.
in_progress as (
    select
        work_items.ticket_id,
        work_items.delivery_stream_id,
        work_items.tech_stream_ids,
        work_items.ticket_type,
        work_item_flow.flow_item_type,
        work_items.current_stage as stage,
        work_items.is_active_work,
        work_items.is_blocked,
        case when work_items.current_stage is null then work_item_flow.started_at else work_items.first_in_progress end
            as started_at,
        case
            when work_items.current_stage is null
                then coalesce(work_item_flow.stated_entry_at, work_items.entered_stage_at)
            else work_items.entered_stage_at
        end as entered_stage_at
    from work_items
    left join work_item_flow on work_items.ticket_id = work_item_flow.ticket_id
    where work_items.current_stage is not null or work_item_flow.is_in_progress_by_fields
),

aged as (
    select
        in_progress.*,
        {{ business_days(business_clock('in_progress.entered_stage_at', 'entry_day'), business_clock(as_of(), 'today')) }}
            as days_in_stage,
        {{ business_days(business_clock('in_progress.started_at', 'start_day'), business_clock(as_of(), 'today')) }}
            as age_days
    from in_progress
    left join business_calendar as entry_day on entry_day.day = {{ local_date('in_progress.entered_stage_at') }}
    left join business_calendar as start_day on start_day.day = {{ local_date('in_progress.started_at') }}
    left join business_calendar as today on today.day = {{ local_date(as_of()) }}
),

final as (
    select
        aged.ticket_id,
        aged.delivery_stream_id,
        aged.tech_stream_ids,
        aged.ticket_type,
        aged.flow_item_type,
        aged.stage,
        aged.is_active_work,
        aged.is_blocked,
        aged.started_at,
        aged.entered_stage_at,
        case when aged.days_in_stage < 0 then 0 else aged.days_in_stage end as days_in_stage,
        case when aged.age_days < 0 then 0 else aged.age_days end as age_days,
        cycle.item_count as history_count,
        cycle.age_p50_days as cycle_time_p50_days,
        cycle.age_p85_days as cycle_time_p85_days,
        cycle.age_p95_days as cycle_time_p95_days,
        pace.age_p50_days as stage_age_p50_days,
        pace.age_p85_days as stage_age_p85_days,
        pace.age_p95_days as stage_age_p95_days,
        aged.age_days > cycle.age_p85_days as is_beyond_cycle_time_p85,
        aged.age_days > pace.age_p85_days as is_beyond_stage_age_p85,
        {{ as_of() }} as as_of
    from aged
    left join stage_ages as cycle on aged.delivery_stream_id = cycle.stream_id and cycle.stage = 'done'
    left join stage_ages as pace on aged.delivery_stream_id = pace.stream_id and aged.stage = pace.stage
)

select * from final
