{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='issue_id',
    meta={'touched': 'touched_mapped_tickets', 'touched_key': 'issue_id', 'volatile': ['revision']},
    indexes=[{'columns': ['issue_id'], 'unique': true}],
    pre_hook="{{ begin_build(configuration_fingerprint(['delivery_field_mappings']) ~ \" || 'flow'\") }}",
    post_hook="{{ end_build() }}",
) }}

with observations as (
    select *
    from {{ ref('stg_jira__mapped_fields') }}
    {% if is_incremental() %}
    where issue_id in ({{ touched_mapped_tickets() }})
    {% endif %}
),

tombstones as (
    select * from {{ ref('stg_jira__tombstones') }}
    where state in ('deleted', 'present')
),

revision as materialized (
    select {{ next_revision() }} as revision
),

tickets as (
    select
        observations.issue_id,
        (array_agg(observations.ticket_id order by {{ newest_observation() }}))[1] as ticket_id,
        (array_agg(observations.jira_project_key order by {{ newest_observation() }}))[1] as jira_project_key,
        (array_agg(observations.is_deletion order by {{ newest_observation() }}))[1] as is_deletion,
        max(observations.observed_at) as observed_at,
        min(observations.received_at) filter (where observations.stated_fields <> '{}') as received_at,
        {{ last_stated('deployment_date') }} as deployment_date,
        {{ last_stated('deployed_to_production_date') }} as deployed_to_production_date,
        {{ last_stated('code_commit_date') }} as code_commit_date,
        {{ last_stated('target_environment') }} as target_environment,
        {{ last_stated('deployment_outcome', 'deployment_successful') }} as deployment_outcome,
        {{ last_stated('incident_detected_at') }} as incident_detected_at,
        {{ last_stated('incident_resolved_at') }} as incident_resolved_at,
        {{ last_stated('production_impact') }} as production_impact,
        {{ last_stated('flow_item_type') }} as flow_item_type,
        {{ last_stated('work_started_date') }} as work_started_date,
        {{ last_stated('work_completed_date') }} as work_completed_date,
        {{ last_stated('status_entry_timestamp') }} as status_entry_timestamp,
        {{ last_stated('active_work_hours') }} as active_work_hours,
        {{ last_stated('flow_time_days') }} as flow_time_days
    from observations
    group by observations.issue_id
    having bool_or(observations.stated_fields <> '{}')
),

final as (
    select
        tickets.issue_id,
        tickets.ticket_id,
        tickets.jira_project_key,
        -- A deletion, told or found, is final unless Jira spoke of the ticket again, or it was seen again.
        coalesce(tombstones.state = 'deleted', tickets.is_deletion) as is_deleted,
        tickets.received_at,
        tickets.deployment_date,
        tickets.deployed_to_production_date,
        tickets.code_commit_date,
        tickets.target_environment,
        tickets.deployment_outcome,
        tickets.incident_detected_at,
        tickets.incident_resolved_at,
        tickets.production_impact,
        tickets.flow_item_type,
        tickets.work_started_date,
        tickets.work_completed_date,
        tickets.status_entry_timestamp,
        tickets.active_work_hours,
        tickets.flow_time_days,
        revision.revision
    from tickets
    cross join revision
    left join tombstones
        on tickets.issue_id = tombstones.issue_id and tickets.observed_at <= tombstones.observed_at
)

select * from final
