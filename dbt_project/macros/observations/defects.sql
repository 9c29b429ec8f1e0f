{#
  Every defect once, by its latest attribution, with the time at which it was logged: the time by which it belongs to a
  window, so that a defect stays in its window however often it is reclassified. What was found when it was done had left
  the pipeline, like what was found in production.
#}
{% macro current_defects() %}
    select
        latest.ticket_id,
        logged.event_timestamp as logged_at,
        latest.delivery_stream_id,
        coalesce(
            nullif(work_items.tech_stream_ids, '{}'), array_remove(array[latest.tech_stream_id], null), '{}'
        ) as tech_stream_ids,
        case when latest.found_in_stage = 'done' then 'production' else latest.found_in_stage end as found_in_stage,
        latest.introduced_in_stage
    from {{ ref('defect_events') }} as latest
    inner join {{ ref('defect_events') }} as logged
        on latest.ticket_id = logged.ticket_id and logged.event_type = 'logged'
    left join {{ ref('work_items') }} as work_items on latest.ticket_id = work_items.ticket_id
    where latest.is_current
{% endmacro %}

{#
  Of each defect, on the day on which it was logged: whether it escaped, left out where nobody knows where it was found,
  and whether its origin is unknown.
#}
{% macro defects_observations() %}
    select
        measures.observation,
        'defect:' || defects.ticket_id as subject,
        null::text as segment,
        defects.logged_at as observed_at,
        array_remove(array[defects.delivery_stream_id], null) as delivery_stream_ids,
        defects.tech_stream_ids,
        measures.value,
        null::numeric as weight
    /* Tickets of these types: {{ var('defect_type_pattern') }} */
    from ({{ current_defects() }}) as defects
    cross join lateral (
        values
        (
            'defect_escape',
            case
                when defects.found_in_stage in ('uat', 'production') then 100::numeric
                when defects.found_in_stage is not null then 0::numeric
            end
        ),
        ('defect_origin_unknown', case when defects.introduced_in_stage is null then 100::numeric else 0::numeric end)
    ) as measures (observation, value)
    where true {{ and_touched('defect', 'defects.ticket_id') }}
{% endmacro %}

{# A defect is looked at again with its ticket, with the ticket that it is linked to, and with its technology streams. #}
{% macro touched_defect_subjects() %}
    select 'defect:' || touched.ticket_id as subject
    from ({{ touched_defects() }}) as touched
    union
    select 'defect:' || touched.ticket_id
    from ({{ touched_work_items() }}) as touched
{% endmacro %}
