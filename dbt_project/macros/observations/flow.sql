{#
  Beside cycle time, of each item that the workflow completed: its whole life, its active and its blocked time with the
  cycle time as their weight, and how long it waited in each queue that it went through.

  Of each item that is finished in the sense of the Flow metrics: its flow time (left out and counted where it has
  none), its kind as the segment of flow_type (what is of no known kind has no part in the distribution), and its flow
  efficiency where the fields tell of it and the workflow does not.
#}
{% macro flow_observations() %}
    select
        measures.observation,
        'item:' || cycles.ticket_id as subject,
        measures.segment,
        cycles.completed_at as observed_at,
        array_remove(array[cycles.delivery_stream_id], null) as delivery_stream_ids,
        coalesce(cycles.tech_stream_ids, '{}') as tech_stream_ids,
        measures.value,
        measures.weight
    from {{ ref('work_item_cycles') }} as cycles
    cross join lateral (
        values
        ('lead_time_items', null::text, cycles.lead_time_days, null::numeric),
        ('active_time', null, cycles.active_time_days, cycles.cycle_time_days),
        ('blocked_time', null, cycles.blocked_days, cycles.cycle_time_days)
        union all
        select
            'queue_time',
            queues.name,
            queues.days::numeric,
            null
        from jsonb_each_text(cycles.stage_durations) as queues (name, days)
        where queues.name like '%\_queue'
    ) as measures (observation, segment, value, weight)
    where true {{ and_touched('item', 'cycles.ticket_id') }}
    union all
    select
        measures.observation,
        'flow:' || flow.ticket_id,
        measures.segment,
        flow.completed_at,
        array_remove(array[flow.delivery_stream_id], null),
        coalesce(flow.tech_stream_ids, '{}'),
        measures.value,
        null
    from {{ ref('work_item_flow') }} as flow
    cross join lateral (
        values
        ('flow_time', null::text, flow.flow_time_days, true),
        ('flow_type', flow.flow_item_type, 1, flow.flow_item_type is not null),
        ('flow_efficiency', null, flow.flow_efficiency_pct, not flow.is_completed_by_workflow)
    ) as measures (observation, segment, value, is_observed)
    where flow.completed_at is not null and measures.is_observed {{ and_touched('flow', 'flow.ticket_id') }}
{% endmacro %}

{# Items that the workflow completed are told by their own area. One that was deleted has left work_item_flow. #}
{% macro touched_flow() %}
    select 'flow:' || ticket_id as subject
    from {{ ref('work_item_flow') }}
    where revision > {{ applied_revision() }}
    union
    select 'flow:' || touched.ticket_id
    from ({{ touched_work_items() }}) as touched
{% endmacro %}
