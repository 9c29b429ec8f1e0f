{{ config(
    materialized='table',
    indexes=[
        {'columns': ['record_id'], 'unique': true},
        {'columns': ['tech_stream_id', 'environment', 'deployed_at']},
        {'columns': ['environment', 'deployed_at']},
        {'columns': ['linked_ticket_id']},
    ],
) }}

with runs as (
    select * from {{ ref('deployment_runs') }}
),

timeline as (
    select * from {{ ref('production_timeline') }}
),

changes as (
    select * from {{ ref('deployment_changes') }}
),

outages as (
    select * from {{ ref('incident_records') }}
),

pull_requests as (
    select * from {{ ref('pull_requests') }}
),

change_facts as (
    select
        record_id,
        count(*)::integer as change_count,
        bool_or(is_hotfix) as has_hotfix,
        trim_scale(round(percentile_cont(0.5) within group (order by lead_time_hrs)::numeric, 6)) as lead_time_hrs
    from changes
    group by record_id
),

-- Where the pipeline named no pull request: the newest that it carried, one with a ticket before one without.
newest_changes as (
    select distinct on (record_id)
        record_id,
        pr_number
    from changes
    order by record_id asc, (linked_ticket_id is not null) desc, merged_at desc, pr_number desc
),

first_outages as (
    select distinct on (related_record_id)
        related_record_id as record_id,
        incident_ids[1] as incident_id
    from outages
    where related_record_id is not null
    order by related_record_id, opened_at, outage_id
),

final as (
    select
        runs.record_id,
        runs.tech_stream_id,
        coalesce(pull_requests.delivery_stream_id, runs.delivery_stream_id) as delivery_stream_id,
        runs.repo_id,
        runs.environment,
        runs.deployed_at,
        case
            when runs.is_failed then 'failed'
            when coalesce(timeline.rollback_at, runs.stated_rollback_at) is not null then 'rolled_back'
            else 'success'
        end as status,
        runs.commit_sha,
        coalesce(runs.linked_pr_number, newest_changes.pr_number) as linked_pr_number,
        coalesce(pull_requests.linked_ticket_id, runs.linked_ticket_id) as linked_ticket_id,
        change_facts.lead_time_hrs,
        first_outages.record_id is not null as caused_incident,
        first_outages.incident_id,
        coalesce(timeline.rollback_at, runs.stated_rollback_at) as rollback_at,
        runs.deployment_id,
        runs.repo_full_name,
        runs.artefact_version,
        runs.duration_seconds,
        coalesce(timeline.is_rollback, runs.is_stated_rollback) as is_rollback,
        coalesce(
            change_facts.has_hotfix or (runs.environment = 'production' and runs.went_live and pull_requests.is_hotfix),
            false
        )
            as is_rework,
        coalesce(change_facts.change_count, 0) as change_count,
        coalesce(timeline.is_no_op, false) as is_no_op,
        runs.pipeline_id,
        runs.service_name
    from runs
    left join timeline on runs.record_id = timeline.record_id
    left join change_facts on runs.record_id = change_facts.record_id
    left join newest_changes on runs.record_id = newest_changes.record_id
    left join first_outages on runs.record_id = first_outages.record_id
    left join pull_requests
        on
            runs.repo_full_name = pull_requests.repo_full_name
            and pull_requests.pr_number = coalesce(runs.linked_pr_number, newest_changes.pr_number)
)

select * from final
