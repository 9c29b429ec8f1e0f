{#
  Who reads the inbox, for quality.source_balance: staging models with `landing_id` and `received_at`, one a line.
  The models of the lists in event_sources.sql are read without being named here.
#}
{% macro other_readers_of_deliveries() %}
    stg_jira__issue_events
    stg_jira__sprint_events
    stg_push__surveys
    stg_github__pushes
{% endmacro %}

{#
  Deliveries that rightly leave no row of their own, one a line: source and event, or source, event and action (of a
  deployment status its state). Programs read some of them, a staging model sums others up, and the rest says nothing
  that anybody counts.
#}
{% macro deliveries_without_a_row() %}
    github: ping
    github: installation
    github: installation_repositories
    github: repository
    github: release
    github: pull_request_review_comment
    github: workflow_run: requested
    github: workflow_run: in_progress
    github: deployment_status: inactive
    jira: board_created
    jira: board_updated
    jira: board_deleted
    jira: board_configuration_changed
    bitbucket: diagnostics:ping
    pagerduty: pagey.ping
    pagerduty: incident.acknowledged
    pagerduty: incident.unacknowledged
    pagerduty: incident.annotated
    pagerduty: incident.delegated
    pagerduty: incident.escalated
    pagerduty: incident.priority_updated
    pagerduty: incident.reassigned
    pagerduty: incident.responder.added
    pagerduty: incident.responder.replied
    pagerduty: incident.status_update_published
    opsgenie: Acknowledge
    opsgenie: UnAcknowledge
    opsgenie: AddNote
    opsgenie: AddTags
    opsgenie: RemoveTags
    opsgenie: AddTeam
    opsgenie: AddRecipient
    opsgenie: AddResponder
    opsgenie: AssignOwnership
    opsgenie: TakeOwnership
    opsgenie: Escalate
    opsgenie: EscalateNext
    opsgenie: Snooze
    opsgenie: UnSnooze
    opsgenie: SnoozeEnded
    opsgenie: UpdatePriority
    opsgenie: UpdateMessage
    opsgenie: UpdateDescription
    opsgenie: AddDetails
    opsgenie: RemoveDetails
    opsgenie: CustomAction
{% endmacro %}

{# Fetched tables and the staging models that have one row for each of theirs, one pair a line. #}
{% macro readers_of_fetched_tables() %}
    raw_jira.issues stg_jira__issues
    raw_jira.tombstones stg_jira__tombstones
    raw_jira.sprint_issues stg_jira__sprint_issues
    raw_github.pull_requests stg_github__fetched_pull_requests
    raw_gitlab.merge_requests stg_gitlab__fetched_merge_requests
    raw_bitbucket.pull_requests stg_bitbucket__fetched_pull_requests
{% endmacro %}

{#
  Fetched tables of which a row becomes several staging rows, or rightly none: table, staging model, the row's key in
  either, and which rows say nothing yet. Reviews come inside their pull request's row and are counted with it.
#}
{% macro readers_of_fetched_histories() -%}
    {{ return([
        {
            'table': 'raw_github.deployments',
            'reader': 'stg_github__fetched_deployments',
            'raw_key': "raw.repo_full_name || '/' || raw.deployment_id",
            'reader_key': "repo_full_name || '/' || pipeline_run_id",
            'is_silent': 'false',
        },
        {
            'table': 'raw_gitlab.pipelines',
            'reader': 'stg_gitlab__fetched_pipelines',
            'raw_key': "'fetched:' || raw.repo_full_name || '/pipeline/' || raw.pipeline_id",
            'reader_key': 'observation_key',
            'is_silent': "raw.pipeline ->> 'status' not in ('success', 'failed', 'canceled')",
        },
        {
            'table': 'raw_gitlab.deployments',
            'reader': 'stg_gitlab__fetched_deployments',
            'raw_key': "raw.repo_full_name || '/' || raw.deployment_id",
            'reader_key': "repo_full_name || '/' || pipeline_run_id",
            'is_silent': "raw.deployment ->> 'status' not in ('running', 'success', 'failed')",
        },
        {
            'table': 'raw_bitbucket.pipelines',
            'reader': 'stg_bitbucket__fetched_pipelines',
            'raw_key': "raw.repo_full_name || '/' || raw.pipeline_id",
            'reader_key': "repo_full_name || '/' || fetched_pipeline_id",
            'is_silent': "raw.pipeline #>> '{state,name}' <> 'COMPLETED'",
        },
    ]) }}
{%- endmacro %}

{# Every staging model that reads deliveries, each once. #}
{% macro readers_of_deliveries() %}
    {%- set readers = [] -%}
    {%- for listed in [
        pull_request_sources(), review_sources(), cicd_sources(), incident_sources(), other_readers_of_deliveries()
    ] -%}
        {%- for name in listed.split() -%}
            {%- if name not in readers -%}{%- do readers.append(name) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(readers) }}
{% endmacro %}
