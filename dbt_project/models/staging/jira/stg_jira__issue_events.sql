{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='landing_id',
    indexes=[
        {'columns': ['landing_id'], 'unique': true},
        {'columns': ['ticket_id', 'event_at']},
        {'columns': ['revision']},
    ],
    pre_hook=["{{ without_memoize() }}", "{{ begin_build(configuration_fingerprint(['field_mappings'])) }}"],
    post_hook="{{ end_build(indexes=['(moved_from_key) where moved_from_key is not null']) }}",
) }}

with deliveries as (
    select landing_id, received_at, event_name, delivery_id, payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'jira'
        and event_name in ('jira:issue_created', 'jira:issue_updated', 'jira:issue_deleted')
        {% if is_incremental() %}
        and landing_id > (
            select case when {{ applied_revision() }} < 0 then 0 else coalesce(max(landing_id), 0) end
            from {{ this }}
        )
        {% endif %}
),

mapping as materialized (
    {{ jira_field_mapping() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

-- Each level of the payload is taken out once.
parsed as (
    select
        deliveries.landing_id,
        deliveries.delivery_id,
        deliveries.received_at,
        deliveries.event_name,
        issue.id as issue_id,
        upper(issue.key) as ticket_id,
        nullif(delivery.changelog ->> 'id', '') as history_id,
        {{ safe_epoch_milliseconds('delivery.timestamp') }} as sent_at,
        {{ jira_issue_columns('issue.fields', 'issue.key') }},
        changes.*
    from deliveries
    cross join mapping
    inner join lateral (
        select record.*
        from jsonb_to_record({{ json_object('deliveries.payload') }})
            as record ("timestamp" text, issue jsonb, changelog jsonb)
    ) as delivery on true
    inner join lateral (
        select
            record.id,
            record.key,
            {{ json_object('record.fields') }} as fields
        from jsonb_to_record({{ json_object('delivery.issue') }}) as record (id text, key text, fields jsonb)
        limit 1 -- noqa: AM09
    ) as issue on true
    cross join lateral {{ jira_standard_fields('issue.fields') }}
    cross join lateral (
        {{ jira_changes("(delivery.changelog -> 'items')") }}
    ) as changes
),

final as (
    select
        parsed.landing_id,
        revision.revision,
        parsed.delivery_id,
        parsed.event_name,
        parsed.issue_id,
        parsed.ticket_id,
        parsed.jira_project_key,
        -- Jira's own clock: of the creation, else of the sending, which follows the change by milliseconds.
        case
            when parsed.event_name = 'jira:issue_created'
                then coalesce(parsed.created_at, parsed.sent_at, parsed.received_at)
            else coalesce(parsed.sent_at, parsed.updated_at, parsed.received_at)
        end as event_at,
        parsed.received_at,
        parsed.history_id,
        parsed.created_at,
        parsed.updated_at,
        parsed.resolved_at,
        parsed.status_category_changed_at,
        parsed.status_name,
        parsed.status_id,
        parsed.resolution_name,
        parsed.status_from,
        parsed.status_to,
        parsed.status_to_id,
        parsed.resolution_to,
        parsed.flag_to,
        parsed.moved_from_key,
        parsed.sprints_from,
        parsed.sprints_to,
        parsed.introduced_from,
        parsed.introduced_to,
        parsed.ticket_type,
        parsed.priority,
        parsed.assignee_hash,
        parsed.story_points,
        parsed.jira_sprint_id,
        parsed.jira_sprint_ids,
        parsed.flag_name,
        parsed.labels,
        parsed.components,
        parsed.delivery_stream_value,
        parsed.tech_stream_values,
        parsed.found_in_stage_value,
        parsed.introduced_in_stage_value,
        parsed.severity_value,
        parsed.root_cause_value,
        parsed.linked_ticket_id,
        parsed.blocking_tech_stream_value
    from parsed
    cross join revision
    where parsed.ticket_id is not null
)

select * from final
