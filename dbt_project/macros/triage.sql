{# Every kind of line in quality.triage, with how a person mends it. #}
{% macro triage_kinds() -%}
    {{ return({
        'unlinked_pull_request':
            'Put the ticket key into its title, or link it by hand: POST /api/v1/links.',
        'untagged_work_item':
            'Give the ticket a delivery stream by field, label or component, or the project a default.',
        'work_without_technology':
            'Fill the technology field of these tickets, or name their keys in the pull requests.',
        'defect_without_stage':
            'Fill the field that says where the defect was found, or link it to its ticket.',
        'unattributed_defect':
            'Fill the field that says in which stage the defect was introduced.',
        'untraceable_deployment':
            'Send pull request or ticket with the deployment, or link its pull request to a ticket.',
        'unmapped_status':
            'Map the status to a stage: `dpp jira statuses` suggests, `dpp jira accept` takes it.',
        'unknown_repository':
            'Register the repository under its technology stream: a row of config.repositories.',
        'unknown_service':
            'Enter the service as deploy target of its repository, or let the monitoring name one.',
        'unknown_survey_stream':
            'Let the survey name a delivery stream, or register one of that name.',
        'team_size':
            'Enter how many people the team has: team_size of the delivery stream.',
        'dead_letter':
            'Read the reason and mend the sender: the delivery is stored, and nothing is lost.',
        'impossible_order':
            'Correct the dates at their source; until then the durations that they make are left out.',
        'broken_field_mapping':
            'Map the field to one that the site has: `dpp jira map`.',
    }) }}
{%- endmacro %}

{% macro triage_kind_rows() %}
    select *
    from (
        values
        {%- for kind, how_to_mend in triage_kinds().items() %}
        ('{{ kind }}', '{{ how_to_mend }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as kinds (kind, how_to_mend)
{% endmacro %}

{#
  Dates that cannot be: each with what it is about and which rule it breaks. Durations made of them are left out where
  they are computed.
#}
{% macro impossible_orders() %}
    select
        ticket_id as reference,
        'completed_before_created' as aspect,
        'Completed before it was created' as detail,
        created_at as first_seen_at,
        completed_at as last_seen_at,
        delivery_stream_id,
        null::uuid as tech_stream_id
    from {{ ref('work_item_cycles') }}
    where completed_at < created_at
    union all
    select
        repo_full_name || '#' || pr_number,
        'merged_before_opened',
        'Merged before it was opened',
        opened_at,
        merged_at,
        delivery_stream_id,
        tech_stream_id
    from {{ ref('pr_cycles') }}
    where merged_at < opened_at
    union all
    select
        incident_id,
        'resolved_before_opened',
        'Resolved before it was opened',
        min(event_timestamp),
        max(event_timestamp),
        (array_agg(delivery_stream_id order by event_timestamp))[1],
        (array_agg(tech_stream_id order by event_timestamp))[1]
    from {{ ref('incident_events') }}
    group by incident_id
    having
        max(event_timestamp) filter (where event_type in ('alarm_resolved', 'incident_resolved'))
        < min(event_timestamp) filter (where event_type in ('alarm_triggered', 'incident_opened'))
    union all
    select
        deployments.repo_full_name || ': ' || deployments.deployment_id,
        'deployed_before_merged',
        'Deployed before its pull request #' || deployments.linked_pr_number || ' was merged',
        deployments.deployed_at,
        pull_requests.merged_at,
        deployments.delivery_stream_id,
        deployments.tech_stream_id
    from {{ ref('deployment_records') }} as deployments
    inner join {{ ref('pr_cycles') }} as pull_requests
        on
            deployments.repo_full_name = pull_requests.repo_full_name
            and deployments.linked_pr_number = pull_requests.pr_number
    where
        deployments.environment = 'production'
        and deployments.status <> 'failed'
        and deployments.deployed_at < pull_requests.merged_at
    union all
    select
        'Sprint ' || jira_sprint_id,
        'sprint_ends_before_its_start',
        coalesce(name, 'A sprint') || ' ends before it starts',
        least(starts_at, ends_at, closed_at),
        greatest(starts_at, ends_at, closed_at),
        delivery_stream_id,
        null
    from {{ ref('stg_jira__sprints') }}
    where not is_deleted and least(ends_at, closed_at) < starts_at
{% endmacro %}
