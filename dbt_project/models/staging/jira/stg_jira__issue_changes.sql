{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='issue_id',
    indexes=[
        {'columns': ['issue_id']},
        {'columns': ['ticket_id']},
    ],
    pre_hook=["{{ without_memoize() }}", "{{ begin_build(configuration_fingerprint(['field_mappings'])) }}"],
    post_hook="{{ end_build(indexes=['(moved_from_key) where moved_from_key is not null']) }}",
) }}

with issues as (
    select staged.issue_id, staged.ticket_id, raw.changelog
    from {{ ref('stg_jira__issues') }} as staged
    inner join {{ source('raw_jira', 'issues') }} as raw on staged.issue_id = raw.id
    where
        staged.has_changelog
        {% if is_incremental() %}
        and staged.revision > {{ applied_revision() }}
        {% endif %}
),

mapping as materialized (
    {{ jira_field_mapping() }}
),

histories as (
    select
        issues.issue_id,
        issues.ticket_id,
        history.id as history_id,
        -- ISO text in searches, milliseconds in bulk fetches.
        coalesce(
            {{ safe_timestamp('history.created') }}, {{ safe_epoch_milliseconds('history.created') }}
        ) as changed_at,
        changes.*
    from issues
    cross join mapping
    cross join lateral jsonb_path_query(issues.changelog, '$[*] ? (@.type() == "object")') as told
    cross join lateral jsonb_to_record(told) as history (id text, created text, items jsonb)
    cross join lateral (
        {{ jira_changes('history.items') }}
    ) as changes
),

final as (
    select
        issue_id,
        ticket_id,
        history_id,
        changed_at,
        status_from,
        status_to,
        status_to_id,
        resolution_to,
        flag_to,
        moved_from_key,
        sprints_from,
        sprints_to,
        introduced_from,
        introduced_to,
        assignee_from,
        priority_from,
        labels_from,
        story_points_from,
        blocking_tech_stream_from
    from histories
    where
        changed_at is not null
        and coalesce(
            status_to, resolution_to, flag_to, moved_from_key, sprints_to, introduced_to, assignee_from,
            priority_from, labels_from, story_points_from, blocking_tech_stream_from
        ) is not null
)

select * from final
