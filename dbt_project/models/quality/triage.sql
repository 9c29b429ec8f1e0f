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

deployment_records as (
    select * from {{ ref('deployment_records') }}
),

pulse_responses as (
    select * from {{ ref('pulse_responses') }}
),

pulse_aggregates as (
    select * from {{ ref('pulse_aggregates') }}
),

delivery_streams as (
    select * from {{ source('config', 'delivery_streams') }}
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

field_mappings as (
    select * from {{ source('config', 'field_mappings') }}
    where problem is not null
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
        coalesce(nullif(service_name, ''), '(none named)') as reference,
        case
            when service_name = '' then 'These incidents name no service, so that they belong to no technology stream'
            else 'No repository has this deploy target: its incidents belong to no technology stream'
        end as detail,
        count(*)::integer as occurrences,
        min(event_timestamp) as first_seen_at,
        max(event_timestamp) as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from incident_events
    -- An incident that is a ticket has the ticket's streams.
    where tech_stream_id is null and (service_name <> '' or source <> 'jira')
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
        found.reference,
        found.detail,
        1 as occurrences,
        found.first_seen_at,
        found.last_seen_at,
        found.delivery_stream_id,
        found.tech_stream_id,
        found.aspect
    from ({{ impossible_orders() }}) as found
),

unattributed_defects as (
    select
        'unattributed_defect' as kind,
        ticket_id as reference,
        'Nobody has said in which stage it was introduced' as detail,
        1 as occurrences,
        logged_at as first_seen_at,
        logged_at as last_seen_at,
        delivery_stream_id,
        case when cardinality(tech_stream_ids) = 1 then tech_stream_ids[1] end as tech_stream_id
    from ({{ current_defects() }}) as defects
    where introduced_in_stage is null
),

untraceable_deployments as (
    select
        'untraceable_deployment' as kind,
        coalesce(repo_full_name || ': ', '') || deployment_id as reference,
        case
            when linked_pr_number is not null
                then 'Its pull request #' || linked_pr_number || ' is linked to no ticket'
            else 'It names no ticket, and no pull request of it is known'
        end as detail,
        count(*)::integer as occurrences,
        min(deployed_at) as first_seen_at,
        max(deployed_at) as last_seen_at,
        null::uuid as delivery_stream_id,
        tech_stream_id
    from deployment_records
    where environment = 'production' and linked_ticket_id is null
    group by repo_full_name, deployment_id, linked_pr_number, tech_stream_id
),

unknown_survey_streams as (
    select
        'unknown_survey_stream' as kind,
        unknown_stream as reference,
        'Answers for a delivery stream that is not registered: they count in no average' as detail,
        count(*)::integer as occurrences,
        min(event_timestamp) as first_seen_at,
        max(event_timestamp) as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from pulse_responses
    where unknown_stream is not null
    group by unknown_stream
),

-- Of each team by its newest survey.
team_sizes as (
    select
        'team_size' as kind,
        delivery_streams.name as reference,
        case
            when newest.team_size is null then 'Nobody entered how many people it has: no response rate'
            else newest.response_count || ' answers of a team of ' || newest.team_size
        end as detail,
        newest.response_count as occurrences,
        newest.computed_at as first_seen_at,
        newest.computed_at as last_seen_at,
        newest.delivery_stream_id,
        null::uuid as tech_stream_id
    from (
        select distinct on (delivery_stream_id) *
        from pulse_aggregates
        order by delivery_stream_id, survey_period desc
    ) as newest
    inner join delivery_streams on newest.delivery_stream_id = delivery_streams.stream_id
    where coalesce(newest.response_count > newest.team_size, true)
),

broken_field_mappings as (
    select
        'broken_field_mapping' as kind,
        internal_field || ' is ' || jira_field_id as reference,
        problem as detail,
        1 as occurrences,
        checked_at as first_seen_at,
        checked_at as last_seen_at,
        null::uuid as delivery_stream_id,
        null::uuid as tech_stream_id
    from field_mappings
),

listed as (
    select *, null as aspect from unlinked_pull_requests
    union all
    select *, null from untagged_work_items
    union all
    select *, null from work_without_technology
    union all
    select *, null from defects_without_stage
    union all
    select *, null from unattributed_defects
    union all
    select *, null from untraceable_deployments
    union all
    select *, null from unmapped_statuses
    union all
    select *, null from unknown_repositories
    union all
    select *, null from unknown_services
    union all
    select *, null from unknown_survey_streams
    union all
    select *, null from team_sizes
    union all
    select *, detail from unread_deliveries
    union all
    select * from impossible_orders
    union all
    select *, null from broken_field_mappings
),

kinds as (
    {{ triage_kind_rows() }}
),

final as (
    select
        {{ event_id('triage', ['listed.kind', 'listed.reference', 'listed.aspect']) }} as triage_id,
        listed.kind,
        listed.reference,
        listed.detail,
        kinds.how_to_mend,
        listed.occurrences,
        listed.first_seen_at,
        listed.last_seen_at,
        listed.delivery_stream_id,
        listed.tech_stream_id
    from listed
    inner join kinds on listed.kind = kinds.kind
)

select * from final
