{#
  Of each outage that is over, on the day of its end; what a deployment caused is its recovery, too. It has the streams of the deployment that it is blamed on; an
  incident that is a ticket bears the ticket's key, and has its streams.
#}
{% macro incidents_observations() %}
    select *
    from (
        with deployments as (
            {{ production_deployments() }}
        )

        select
            measures.observation,
            'outage:' || outages.outage_id as subject,
            null::text as segment,
            outages.resolved_at as observed_at,
            coalesce(deployments.delivery_stream_ids, array_remove(array[work_items.delivery_stream_id], null), '{}')
                as delivery_stream_ids,
            case
                when outages.tech_stream_id is not null then array[outages.tech_stream_id]
                else coalesce(work_items.tech_stream_ids, '{}')
            end as tech_stream_ids,
            outages.time_to_restore_min as value,
            null::numeric as weight
        from {{ ref('incident_records') }} as outages
        left join deployments on outages.related_record_id = deployments.record_id
        left join {{ ref('work_items') }} as work_items on outages.incident_ids[1] = work_items.ticket_id
        cross join lateral (
            values ('time_to_restore', true), ('failed_deployment_recovery', outages.is_change_caused)
        ) as measures (observation, applies)
        where outages.resolved_at is not null and measures.applies
    ) as observed
    where true {{ and_touched_subject('observed.subject') }}
{% endmacro %}
