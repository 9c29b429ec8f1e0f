{# Of each completed work item, on the day of its completion. #}
{% macro work_items_observations() %}
    select
        measures.observation,
        'item:' || cycles.ticket_id as subject,
        null::text as segment,
        cycles.completed_at as observed_at,
        array_remove(array[cycles.delivery_stream_id], null) as delivery_stream_ids,
        coalesce(cycles.tech_stream_ids, '{}') as tech_stream_ids,
        measures.value,
        null::numeric as weight
    from {{ ref('work_item_cycles') }} as cycles
    cross join lateral (
        values
        ('cycle_time', cycles.cycle_time_days),
        ('flow_efficiency', cycles.flow_efficiency_pct)
    ) as measures (observation, value)
    where true {{ and_touched('item', 'cycles.ticket_id') }}
{% endmacro %}

{# A ticket that was reopened leaves work_item_cycles; it was heard of all the same. #}
{% macro touched_completed_items() %}
    select 'item:' || touched.ticket_id as subject
    from ({{ touched_work_items() }}) as touched
{% endmacro %}
