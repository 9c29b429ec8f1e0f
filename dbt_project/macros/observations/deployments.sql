{#
  Production deployments with all their streams. What has no repository, since a ticket alone tells of it, belongs to
  every technology stream of that ticket. A deployment belongs to the delivery streams of what it carried, as well as to
  the one it names itself.
#}
{% macro production_deployments() %}
    select
        records.record_id,
        records.deployed_at,
        records.status,
        records.caused_incident,
        records.is_rework,
        records.rollback_at,
        case
            when records.tech_stream_id is not null then array[records.tech_stream_id]
            else coalesce(work_items.tech_stream_ids, '{}')
        end as tech_stream_ids,
        array_remove(records.delivery_stream_id || coalesce(carried.delivery_stream_ids, '{}'), null)
            as delivery_stream_ids
    from {{ ref('deployment_records') }} as records
    left join {{ source('config', 'repositories') }} as repositories on records.repo_id = repositories.repo_id
    left join {{ ref('work_items') }} as work_items
        on records.repo_full_name is null and records.linked_ticket_id = work_items.ticket_id
    left join (
        select
            record_id,
            array_agg(distinct delivery_stream_id) as delivery_stream_ids
        from {{ ref('deployment_changes') }}
        where delivery_stream_id is not null
        group by record_id
    ) as carried on records.record_id = carried.record_id
    where records.environment = 'production' and coalesce(repositories.is_deployable, true)
{% endmacro %}

{# Of each production deployment and of each change that it carried, on the day of the deployment. #}
{% macro deployments_observations() %}
    select *
    from (
        with deployments as (
            {{ production_deployments() }}
        )

        select
            measures.observation,
            'deployment:' || deployments.record_id as subject,
            null::text as segment,
            deployments.deployed_at as observed_at,
            deployments.delivery_stream_ids,
            deployments.tech_stream_ids,
            measures.value,
            null::numeric as weight
        from deployments
        cross join lateral (
            values
            ('deployment', case when deployments.status = 'success' then 1::numeric end),
            (
                'change_failure',
                case when deployments.status = 'rolled_back' or deployments.caused_incident then 100 else 0 end
            ),
            (
                'change_failure_completed',
                case
                    when deployments.status = 'failed' then null
                    when deployments.status = 'rolled_back' or deployments.caused_incident then 100
                    else 0
                end
            ),
            (
                'deployment_rework',
                case when deployments.status <> 'failed' then case when deployments.is_rework then 100 else 0 end end
            )
        ) as measures (observation, value)
        union all
        -- Taken back without an incident: recovered when what was live before was live again.
        select
            'failed_deployment_recovery',
            'deployment:' || deployments.record_id,
            null,
            deployments.rollback_at,
            deployments.delivery_stream_ids,
            deployments.tech_stream_ids,
            case
                when deployments.rollback_at >= deployments.deployed_at
                    then {{ minutes_between('deployments.deployed_at', 'deployments.rollback_at') }}
            end,
            null
        from deployments
        where deployments.status = 'rolled_back' and not deployments.caused_incident
        union all
        select
            'lead_time',
            'change:' || changes.record_id || ':' || coalesce(changes.pr_number::text, changes.linked_ticket_id),
            null,
            changes.deployed_at,
            array_remove(array[changes.delivery_stream_id], null),
            case
                when changes.tech_stream_id is not null then array[changes.tech_stream_id]
                else deployments.tech_stream_ids
            end,
            changes.lead_time_hrs,
            null
        from {{ ref('deployment_changes') }} as changes
        inner join deployments on changes.record_id = deployments.record_id
    ) as observed
    where true {{ and_touched_subject('observed.subject') }}
{% endmacro %}
