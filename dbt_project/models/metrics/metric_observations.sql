-- What every metric is made of: one value, of one kind, for one stream, on one day.
{{
    config(
        materialized='table',
        post_hook="{{ finish_table(indexes=['(observation, stream_type, stream_id, observed_on) include (value)']) }}"
    )
}}

with work_item_cycles as (
    select * from {{ ref('work_item_cycles') }}
),

work_items as (
    select
        ticket_id,
        delivery_stream_id,
        tech_stream_ids
    from {{ ref('work_items') }}
),

deployment_records as (
    select * from {{ ref('deployment_records') }}
    where environment = 'production'
),

deployment_changes as (
    select * from {{ ref('deployment_changes') }}
),

incident_records as (
    select * from {{ ref('incident_records') }}
    where resolved_at is not null
),

pr_cycles as (
    select * from {{ ref('pr_cycles') }}
    where first_review_at is not null
),

repositories as (
    select * from {{ source('config', 'repositories') }}
),

-- What has no repository, since a ticket alone tells of it, belongs to every technology stream of that ticket.
deployable as (
    select
        deployment_records.*,
        case
            when deployment_records.tech_stream_id is not null then array[deployment_records.tech_stream_id]
            else coalesce(work_items.tech_stream_ids, '{}')
        end as tech_stream_ids
    from deployment_records
    left join repositories on deployment_records.repo_id = repositories.repo_id
    left join work_items
        on deployment_records.repo_full_name is null and deployment_records.linked_ticket_id = work_items.ticket_id
    where coalesce(repositories.is_deployable, true)
),

-- A deployment belongs to the delivery streams of what it carried, as well as to the one it names itself.
deployment_streams as (
    select
        record_id,
        delivery_stream_id
    from deployable
    where delivery_stream_id is not null
    union
    select
        record_id,
        delivery_stream_id
    from deployment_changes
    where delivery_stream_id is not null
),

deployments_with_streams as (
    select
        deployable.record_id,
        deployable.deployed_at,
        deployable.status,
        deployable.caused_incident,
        deployable.tech_stream_ids,
        array_remove(array_agg(deployment_streams.delivery_stream_id), null) as delivery_stream_ids
    from deployable
    left join deployment_streams on deployable.record_id = deployment_streams.record_id
    group by
        deployable.record_id,
        deployable.deployed_at,
        deployable.status,
        deployable.caused_incident,
        deployable.tech_stream_ids
),

-- A NULL value is an observation that the metric leaves out and counts as excluded.
measured as (
    select
        work_item_cycles.completed_at as observed_at,
        array_remove(array[work_item_cycles.delivery_stream_id], null) as delivery_stream_ids,
        coalesce(work_item_cycles.tech_stream_ids, '{}') as tech_stream_ids,
        measures.observation,
        measures.value
    from work_item_cycles
    cross join lateral (
        values
        ('cycle_time', work_item_cycles.cycle_time_days),
        ('flow_efficiency', work_item_cycles.flow_efficiency_pct)
    ) as measures (observation, value)
    union all
    select
        deployments_with_streams.deployed_at,
        deployments_with_streams.delivery_stream_ids,
        deployments_with_streams.tech_stream_ids,
        measures.observation,
        measures.value
    from deployments_with_streams
    cross join lateral (
        values
        ('deployment', case when deployments_with_streams.status = 'success' then 1::numeric end),
        (
            'change_failure',
            case
                when deployments_with_streams.status = 'rolled_back' or deployments_with_streams.caused_incident
                then 100::numeric
                else 0::numeric
            end
        ),
        (
            'change_failure_completed',
            case
                when deployments_with_streams.status = 'failed' then null
                when deployments_with_streams.status = 'rolled_back' or deployments_with_streams.caused_incident
                then 100::numeric
                else 0::numeric
            end
        )
    ) as measures (observation, value)
    union all
    select
        deployment_changes.deployed_at,
        array_remove(array[deployment_changes.delivery_stream_id], null),
        case
            when deployment_changes.tech_stream_id is not null then array[deployment_changes.tech_stream_id]
            else deployable.tech_stream_ids
        end,
        'lead_time',
        deployment_changes.lead_time_hrs
    from deployment_changes
    inner join deployable on deployment_changes.record_id = deployable.record_id
    union all
    select
        incident_records.resolved_at,
        coalesce(
            deployments_with_streams.delivery_stream_ids, array_remove(array[work_items.delivery_stream_id], null), '{}'
        ),
        case
            when incident_records.tech_stream_id is not null then array[incident_records.tech_stream_id]
            else coalesce(work_items.tech_stream_ids, '{}')
        end,
        'time_to_restore',
        incident_records.time_to_restore_min
    from incident_records
    left join deployments_with_streams on incident_records.related_record_id = deployments_with_streams.record_id
    -- An incident that is a ticket bears the ticket's key, and has its streams.
    left join work_items on incident_records.incident_ids[1] = work_items.ticket_id
    union all
    select
        pr_cycles.first_review_at,
        array_remove(array[pr_cycles.delivery_stream_id], null),
        array_remove(array[pr_cycles.tech_stream_id], null),
        'review_turnaround',
        case when not pr_cycles.is_bot then pr_cycles.time_to_first_review_hrs end
    from pr_cycles
),

final as (
    select
        measured.observation,
        streams.stream_type,
        streams.stream_id,
        {{ local_date('measured.observed_at') }} as observed_on,
        -- Percentiles are computed in double precision; what is summed is made exact again.
        measured.value::double precision as value
    from measured
    cross join lateral (
        select
            'all' as stream_type,
            '{{ all_streams_id() }}'::uuid as stream_id
        union all
        select distinct
            'delivery' as stream_type,
            delivery.stream_id
        from unnest(measured.delivery_stream_ids) as delivery (stream_id)
        union all
        select distinct
            'tech' as stream_type,
            tech.stream_id
        from unnest(measured.tech_stream_ids) as tech (stream_id)
    ) as streams
    where measured.observed_at <= {{ as_of() }}
)

select * from final
