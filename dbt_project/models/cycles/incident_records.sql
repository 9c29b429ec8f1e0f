{{ config(
    materialized='table',
    indexes=[
        {'columns': ['outage_id'], 'unique': true},
        {'columns': ['tech_stream_id', 'resolved_at']},
        {'columns': ['related_record_id']},
    ],
) }}

with recursive events as (
    select * from {{ ref('incident_events') }}
),

live_runs as (
    select runs.*
    from {{ ref('deployment_runs') }} as runs
    where runs.environment = 'production' and runs.went_live
),

-- One row per incident id: from its first sign to its end.
incidents as (
    select
        incident_id,
        bool_or(event_type like 'incident%') as is_declared,
        min(event_timestamp) filter (where event_type in ('alarm_triggered', 'incident_opened')) as started_at,
        min(event_timestamp) as first_seen_at,
        max(resolved_at) as resolved_at,
        min(service_name) as service_name,
        min(tech_stream_id::text)::uuid as tech_stream_id,
        min(repo_id::text)::uuid as repo_id,
        min(repo_full_name) as repo_full_name,
        min(array_position(array['critical', 'high', 'medium', 'low'], severity)) as severity_rank,
        min(related_deploy_id) as related_deploy_id
    from events
    group by incident_id
),

named_pairs as (
    select distinct
        events.incident_id as one_id,
        other.incident_id as other_id
    from events
    inner join incidents as other on events.related_incident_id = other.incident_id
    where events.related_incident_id <> events.incident_id
),

-- Where the start was never told, the outage stands at its end, and how long it took is unknown.
placed as (
    select
        incidents.*,
        coalesce(incidents.started_at, incidents.first_seen_at) as opened_at
    from incidents
),

-- An alarm and the incident that people raised for it. One that was never closed overlaps for the window only,
-- else it would swallow every later alarm of its service.
overlapping_pairs as (
    select
        alarm.incident_id as one_id,
        declared.incident_id as other_id
    from placed as alarm
    inner join placed as declared
        on
            lower(declared.service_name) = lower(alarm.service_name)
            and declared.is_declared
            and not alarm.is_declared
            and alarm.opened_at <= coalesce(declared.resolved_at, declared.opened_at + {{ correlation_window() }})
            and declared.opened_at <= coalesce(alarm.resolved_at, alarm.opened_at + {{ correlation_window() }})
    where alarm.service_name <> ''
),

pairs as (
    select
        one_id,
        other_id
    from named_pairs
    union
    select
        other_id,
        one_id
    from named_pairs
    union
    select
        one_id,
        other_id
    from overlapping_pairs
    union
    select
        other_id,
        one_id
    from overlapping_pairs
),

-- Who is tied to whom over any number of steps; the smallest id stands for them all.
reachable as (
    select
        incident_id,
        incident_id as reached_id
    from incidents
    union
    select
        reachable.incident_id,
        pairs.other_id
    from reachable
    inner join pairs on reachable.reached_id = pairs.one_id
),

groups as (
    select
        incident_id,
        min(reached_id collate "C") as group_id
    from reachable
    group by incident_id
),

outages as (
    select
        groups.group_id,
        array_agg(incidents.incident_id order by incidents.opened_at, incidents.incident_id collate "C")
            as incident_ids,
        (array_agg(incidents.service_name order by incidents.opened_at, incidents.incident_id collate "C"))[1]
            as service_name,
        min(incidents.tech_stream_id::text)::uuid as tech_stream_id,
        min(incidents.repo_id::text)::uuid as repo_id,
        min(incidents.repo_full_name) as repo_full_name,
        (array['critical', 'high', 'medium', 'low'])[min(incidents.severity_rank)] as severity,
        min(incidents.opened_at) as opened_at,
        min(incidents.started_at) as started_at,
        -- People decide when it is over; an alarm that nobody cleared does not keep it open.
        case
            when bool_or(incidents.is_declared)
                then case
                    when bool_and(incidents.resolved_at is not null) filter (where incidents.is_declared)
                        then max(incidents.resolved_at)
                end
            when bool_and(incidents.resolved_at is not null) then max(incidents.resolved_at)
        end as resolved_at,
        (
            array_agg(incidents.related_deploy_id order by incidents.opened_at) filter (
                where incidents.related_deploy_id is not null
            )
        )[1] as related_deploy_id
    from groups
    inner join placed as incidents on groups.incident_id = incidents.incident_id
    group by groups.group_id
),

deployment_names as (
    select
        record_id,
        deployment_id as name,
        null::uuid as only_in_stream
    from live_runs
    union
    select
        record_id,
        pipeline_run_id,
        null
    from live_runs
    union
    select
        record_id,
        pipeline_id,
        null
    from live_runs
    union
    select
        record_id,
        record_id::text,
        null
    from live_runs
    union
    -- A version such as v12 names a deployment in its own stream only.
    select
        record_id,
        commit_sha,
        tech_stream_id
    from live_runs
    union
    select
        record_id,
        artefact_version,
        tech_stream_id
    from live_runs
),

-- A deployment that the source itself names, by any of its names: the nearest one before the outage.
stated_causes as (
    select distinct on (outages.group_id)
        outages.group_id,
        live_runs.record_id
    from outages
    inner join deployment_names
        on
            outages.related_deploy_id = deployment_names.name
            and coalesce(outages.tech_stream_id = deployment_names.only_in_stream, true)
    inner join live_runs on deployment_names.record_id = live_runs.record_id
    order by
        outages.group_id asc,
        (live_runs.deployed_at <= outages.opened_at) desc,
        abs(extract(epoch from outages.opened_at - live_runs.deployed_at)),
        live_runs.deployment_id
),

-- Deployments and outages side by side, where they could meet: in one repository, or in one technology stream.
meeting_places as (
    select
        'repository ' || lower(repo_full_name) as place,
        deployed_at as happened_at,
        record_id,
        deployment_id,
        null as group_id
    from live_runs
    union all
    select
        'stream ' || tech_stream_id,
        deployed_at,
        record_id,
        deployment_id,
        null
    from live_runs
    where tech_stream_id is not null
    union all
    select
        case
            when repo_full_name is not null then 'repository ' || lower(repo_full_name) else 'stream ' || tech_stream_id
        end,
        opened_at,
        null,
        null,
        group_id
    from outages
    where repo_full_name is not null or tech_stream_id is not null
),

deployments_before as (
    select
        place,
        group_id,
        happened_at,
        record_id,
        count(record_id) over (
            partition by place
            order by happened_at, (group_id is not null), deployment_id
            rows unbounded preceding
        ) as deployment_number
    from meeting_places
),

likely_causes as (
    select
        outage.group_id,
        deployment.record_id
    from deployments_before as outage
    inner join deployments_before as deployment
        on
            outage.place = deployment.place
            and outage.deployment_number = deployment.deployment_number
            and deployment.record_id is not null
    where
        outage.group_id is not null
        and outage.happened_at <= deployment.happened_at + {{ correlation_window() }}
),

final as (
    select
        {{ event_id('outage', ['outages.group_id']) }}::text as outage_id,
        outages.incident_ids,
        outages.service_name,
        outages.tech_stream_id,
        outages.repo_id,
        outages.severity,
        outages.opened_at,
        outages.resolved_at,
        case
            when outages.resolved_at >= outages.started_at
                then trim_scale(round((extract(epoch from outages.resolved_at - outages.started_at) / 60)::numeric, 4))
        end as time_to_restore_min,
        coalesce(stated_causes.record_id, likely_causes.record_id) as related_record_id,
        coalesce(stated_causes.record_id, likely_causes.record_id) is not null as is_change_caused
    from outages
    left join stated_causes on outages.group_id = stated_causes.group_id
    left join likely_causes on outages.group_id = likely_causes.group_id
)

select * from final
