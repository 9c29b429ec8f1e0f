{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['jira_sprint_id', 'issue_id'],
    indexes=[
        {'columns': ['jira_sprint_id', 'issue_id'], 'unique': true},
        {'columns': ['ticket_id']},
        {'columns': ['revision']},
    ],
    post_hook="{{ finish_table() }}",
) }}

with sprint_issues as (
    select raw.sprint_id, raw.issue_id, raw.issue_key, raw.is_member, raw.observed_at, raw._dlt_load_id
    from {{ source('raw_jira', 'sprint_issues') }} as raw
    {% if is_incremental() %}
    where
        not exists (
            select 1
            from {{ this }} as known
            where
                known.jira_sprint_id = raw.sprint_id
                and known.issue_id = raw.issue_id
                and known._dlt_load_id = raw._dlt_load_id
        )
    {% endif %}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        sprint_issues.sprint_id as jira_sprint_id,
        sprint_issues.issue_id,
        revision.revision,
        upper(sprint_issues.issue_key) as ticket_id,
        sprint_issues.is_member,
        sprint_issues.observed_at,
        sprint_issues._dlt_load_id
    from sprint_issues
    cross join revision
)

select * from final
