{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='observation_key',
    indexes=[
        {'columns': ['observation_key'], 'unique': true},
        {'columns': ['issue_id']},
        {'columns': ['revision']},
    ],
    pre_hook=[
        "{{ without_memoize() }}",
        "{{ begin_build(configuration_fingerprint(['delivery_field_mappings'])) }}",
        "{{ forget_where_reconfigured() }}",
    ],
    post_hook="{{ end_build() }}",
) }}

with mapping as materialized (
    {{ jira_delivery_mapping() }}
),

-- Where nothing is mapped, the question for the mapping is all that is asked: no ticket is looked at.
webhooks as (
    select *
    from {{ ref('stg_jira__issue_events') }}
    where
        (select count(*) from mapping) > 0
        {% if is_incremental() %}
        and revision > {{ applied_revision() }}
        {% endif %}
),

issues as (
    select *
    from {{ ref('stg_jira__issues') }}
    where
        (select count(*) from mapping) > 0
        {% if is_incremental() %}
        and revision > {{ applied_revision() }}
        {% endif %}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

delivered as (
    select
        webhooks.landing_id,
        webhooks.received_at,
        webhooks.event_at as observed_at,
        webhooks.event_name = 'jira:issue_deleted' as is_deletion,
        webhooks.ticket_id,
        webhooks.jira_project_key,
        -- The number survives a move to another project; a delivery without it stands under its key.
        coalesce(webhooks.issue_id, webhooks.ticket_id) as issue_id,
        {{ json_object("(deliveries.payload #> '{issue,fields}')") }} as fields
    from webhooks
    inner join {{ source('landing', 'raw_events') }} as deliveries
        on webhooks.landing_id = deliveries.landing_id and webhooks.received_at = deliveries.received_at
),

fetched as (
    select
        issues.event_at as observed_at,
        issues.ticket_id,
        issues.jira_project_key,
        issues.issue_id,
        {{ json_object('raw.fields') }} as fields
    from issues
    inner join {{ source('raw_jira', 'issues') }} as raw on issues.issue_id = raw.id
),

observed as (
    select
        'landing:' || landing_id as observation_key,
        landing_id,
        received_at,
        observed_at,
        is_deletion,
        issue_id,
        ticket_id,
        jira_project_key,
        fields
    from delivered
    union all
    -- A fetch tells no time of receipt: the change that it saw stands for it.
    select
        'fetched:' || issue_id,
        null,
        observed_at as received_at,
        observed_at,
        false,
        issue_id,
        ticket_id,
        jira_project_key,
        fields
    from fetched
),

typed as (
    select
        observed.observation_key,
        observed.landing_id,
        observed.received_at,
        observed.observed_at,
        observed.is_deletion,
        observed.issue_id,
        observed.ticket_id,
        observed.jira_project_key,
        {{ jira_delivery_columns('opened.fields') }}
    from observed
    cross join mapping
    -- The limit keeps the planner from unpacking the stored fields once for each column.
    cross join lateral (select observed.fields limit 1) as opened -- noqa: AM09
),

final as (
    select
        typed.*,
        revision.revision
    from typed
    cross join revision
    -- A fetch counts even where it carries no mapped field, since it takes the place of the one before.
    where typed.is_deletion or typed.landing_id is null or typed.stated_fields <> '{}'
)

select * from final
