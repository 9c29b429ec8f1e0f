{# For work_item_sprints: tickets that were heard of, or looked at in the poll of a sprint. #}
{% macro touched_memberships(given=none) %}
    {{ touched_tickets() }}
    union
    select coalesce(aliases.ticket_id, seen.ticket_id)
    from {{ ref('stg_jira__sprint_issues') }} as seen
    left join ({{ ticket_aliases() }}) as aliases on seen.ticket_id = aliases.former_ticket_id
    where seen.revision > {{ applied_revision() }}
{% endmacro %}

{# For stg_jira__sprints, whose query gives all sprints: what is no longer given is taken away. #}
{% macro all_known_sprints(given=none) %}
    select jira_sprint_id from {{ this }}
{% endmacro %}

{#
  For sprint_snapshots: sprints that changed, those without a final row, and those that hold, or held when they were
  last worked out, a ticket that was touched.
#}
{% macro touched_sprints(given=none) %}
    select sprints.jira_sprint_id
    from {{ ref('stg_jira__sprints') }} as sprints
    where
        sprints.revision > {{ applied_revision() }}
        {%- if execute and is_incremental() %}
        or not exists (
            select 1 from {{ this }} as known where known.jira_sprint_id = sprints.jira_sprint_id and known.is_final
        )
        {%- endif %}
    union
    select ledger.jira_sprint_id
    from {{ ref('work_item_sprints') }} as ledger
    where ledger.ticket_id in (select touched.ticket_id from ({{ touched_memberships() }}) as touched)
    {%- if execute and is_incremental() %}
    union
    select known.jira_sprint_id
    from {{ this }} as known
    where known.ticket_ids && (select array_agg(touched.ticket_id) from ({{ touched_memberships() }}) as touched)
    union
    select known.jira_sprint_id
    from {{ this }} as known
    where
        not exists (
            select 1 from {{ ref('stg_jira__sprints') }} as sprints where sprints.jira_sprint_id = known.jira_sprint_id
        )
    {%- endif %}
{% endmacro %}
