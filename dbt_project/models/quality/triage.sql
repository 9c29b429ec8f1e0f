-- What a person should mend so that the numbers become complete: one line for each thing, with how often it occurred.
{{ config(materialized='table') }}

with pr_cycles as (
    select * from {{ ref('pr_cycles') }}
),

pr_events as (
    select * from {{ ref('pr_events') }}
),

work_items as (
    select * from {{ ref('work_items') }}
),

work_item_cycles as (
    select * from {{ ref('work_item_cycles') }}
),

work_item_events as (
    select * from {{ ref('work_item_events') }}
    -- An inferred completion is the only event of its step; any other stands beside a transition.
    where event_type in ('created', 'transitioned') or is_inferred
),

status_mappings as (
    select * from {{ source('config', 'status_mappings') }}
),

cicd_events as (
    select * from {{ ref('cicd_events') }}
),

incident_events as (
    select * from {{ ref('incident_events') }}
),

defect_events as (
    select * from {{ ref('defect_events') }}
    where is_current
),

dead_letters as (
    select * from {{ source('landing', 'dead_letters') }}
    where resolved_at is null
),

unlinked_pull_requests as (
    select
        'unlinked_pull_request' as kind,
        repo_full_name || '#' || pr_number as reference,
        'No ticket key in branch, title or body' as detail,
        1 as occurrences,
        opened_at as first_seen_at,
        coalesce(merged_at, closed_at, opened_at) as last_seen_at,
        null::uuid as delivery_stream_id,
        tech_stream_id
    from pr_cycles
    where linked_ticket_id is null and not is_bot
),

untagged_work_items as (
    select
        'untagged_work_item' as kind,
        ticket_id as reference,
        'No method of project ' || coalesce(jira_project_key, '?') || ' yields a delivery stream' as detail,
        1 as occurrences,
        created_at as first_seen_at,
        last_event_at as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from work_items
    where delivery_stream_id is null and not is_deleted
),

-- One line for each project: a site that neither fills the field nor links pull requests has it everywhere.
work_without_technology as (
    select
        'work_without_technology' as kind,
        coalesce(jira_project_key, '?') as reference,
        'Begun or done, with no technology stream in the field and none of a linked pull request' as detail,
        count(*)::integer as occurrences,
        min(created_at) as first_seen_at,
        max(last_event_at) as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from work_items
    where tech_stream_ids = '{}' and (entered_pipeline_at is not null or is_done) and not is_deleted
    group by jira_project_key
),

defects_without_stage as (
    select
        'defect_without_stage' as kind,
        ticket_id as reference,
        case
            when found_in_method = 'field' then 'The field names no stage that we know'
            else 'Neither the field nor a linked ticket tells in which stage it was found'
        end as detail,
        1 as occurrences,
        event_timestamp as first_seen_at,
        event_timestamp as last_seen_at,
        delivery_stream_id,
        tech_stream_id
    from defect_events
    where found_in_stage is null
),

-- By the mapping and not by the stage: a resolved ticket is done in a status that nobody has mapped, too.
unmapped_statuses as (
    select
        'unmapped_status' as kind,
        work_item_events.jira_project_key || ': ' || work_item_events.to_status as reference,
        'This status has no pipeline stage, so the time in it belongs to none' as detail,
        count(*)::integer as occurrences,
        min(work_item_events.event_timestamp) as first_seen_at,
        max(work_item_events.event_timestamp) as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from work_item_events
    left join status_mappings
        on
            work_item_events.jira_project_key = status_mappings.jira_project_key
            and work_item_events.to_status = status_mappings.jira_status_name
    where work_item_events.to_status is not null and status_mappings.jira_status_name is null
    group by work_item_events.jira_project_key, work_item_events.to_status
),

unknown_repositories as (
    select
        'unknown_repository' as kind,
        seen.full_name as reference,
        'Not registered: its events belong to no technology stream' as detail,
        count(*)::integer as occurrences,
        min(seen.event_timestamp) as first_seen_at,
        max(seen.event_timestamp) as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from (
        select
            repo_full_name as full_name,
            event_timestamp
        from pr_events
        where repo_id is null
        union all
        select
            repo_full_name as full_name,
            event_timestamp
        from cicd_events
        where repo_id is null and repo_full_name is not null
    ) as seen
    group by seen.full_name
),

unknown_services as (
    select
        'unknown_service' as kind,
        service_name as reference,
        'No repository has this deploy target: its incidents belong to no technology stream' as detail,
        count(*)::integer as occurrences,
        min(event_timestamp) as first_seen_at,
        max(event_timestamp) as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from incident_events
    where tech_stream_id is null and service_name <> ''
    group by service_name
),

unread_deliveries as (
    select
        'dead_letter' as kind,
        source || ': ' || event_name as reference,
        reason as detail,
        count(*)::integer as occurrences,
        min(received_at) as first_seen_at,
        max(received_at) as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from dead_letters
    group by source, event_name, reason
),

impossible_orders as (
    select
        'impossible_order' as kind,
        ticket_id as reference,
        'Completed before it was created' as detail,
        1 as occurrences,
        created_at as first_seen_at,
        completed_at as last_seen_at,
        delivery_stream_id,
        null::uuid as tech_stream_id
    from work_item_cycles
    where completed_at < created_at
    union all
    select
        'impossible_order',
        repo_full_name || '#' || pr_number,
        'Merged before it was opened',
        1,
        opened_at,
        merged_at,
        delivery_stream_id,
        tech_stream_id
    from pr_cycles
    where merged_at < opened_at
),

final as (
    select * from unlinked_pull_requests
    union all
    select * from untagged_work_items
    union all
    select * from work_without_technology
    union all
    select * from defects_without_stage
    union all
    select * from unmapped_statuses
    union all
    select * from unknown_repositories
    union all
    select * from unknown_services
    union all
    select * from unread_deliveries
    union all
    select * from impossible_orders
)

select * from final
