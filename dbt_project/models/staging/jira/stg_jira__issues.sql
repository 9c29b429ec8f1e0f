{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='issue_id',
    indexes=[
        {'columns': ['issue_id'], 'unique': true},
        {'columns': ['ticket_id']},
        {'columns': ['revision']},
    ],
    pre_hook=["{{ without_memoize() }}", "{{ begin_build(configuration_fingerprint(['field_mappings'])) }}"],
    post_hook="{{ end_build() }}",
) }}

with issues as (
    select
        raw.id,
        raw.key,
        raw.updated_at,
        {{ json_object('raw.fields') }} as fields,
        coalesce(jsonb_typeof(raw.changelog) = 'array', false) as has_changelog,
        raw._dlt_load_id
    from {{ source('raw_jira', 'issues') }} as raw
    {% if is_incremental() %}
    -- By load, not by a highest load: two loads may finish in another order than they began.
    where
        {{ applied_revision() }} < 0
        or not exists (
            select 1
            from {{ this }} as known
            where known.issue_id = raw.id and known._dlt_load_id = raw._dlt_load_id
        )
    {% endif %}
),

mapping as materialized (
    {{ jira_field_mapping() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

parsed as (
    select
        issues.id as issue_id,
        revision.revision,
        upper(issues.key) as ticket_id,
        issues.updated_at as fetched_state_at,
        issues.has_changelog,
        issues._dlt_load_id,
        {{ jira_issue_columns('issue.fields', 'issues.key') }}
    from issues
    cross join mapping
    cross join revision
    -- The limit keeps the planner from unpacking the stored fields once for each column.
    cross join lateral (select issues.fields limit 1) as issue -- noqa: AM09
    cross join lateral {{ jira_standard_fields('issue.fields') }}
),

final as (
    select
        issue_id,
        revision,
        ticket_id,
        jira_project_key,
        coalesce(updated_at, fetched_state_at, created_at) as event_at,
        has_changelog,
        created_at,
        resolved_at,
        status_category_changed_at,
        status_name,
        status_id,
        resolution_name,
        ticket_type,
        priority,
        assignee_hash,
        story_points,
        jira_sprint_id,
        jira_sprint_ids,
        flag_name,
        labels,
        components,
        delivery_stream_value,
        tech_stream_values,
        found_in_stage_value,
        introduced_in_stage_value,
        severity_value,
        root_cause_value,
        linked_ticket_id,
        blocking_tech_stream_value,
        _dlt_load_id
    from parsed
)

select * from final
