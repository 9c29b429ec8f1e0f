{# State metrics of which only the days that changed are given: those of metrics.stage_counts_by_day. #}
{% macro state_metrics_kept_by_day() -%}
    {{ return(['wip', 'wip_by_stage']) }}
{%- endmacro %}

{# Items that stood in each stage at the end of each day, and in all those that count as work in progress. #}
{% macro work_in_progress_by_day() %}
    {%- set stages = ['ba', 'dev', 'code_review', 'qa', 'uat'] %}
    select
        counts.day as metric_date,
        counts.stream_type,
        counts.stream_id,
        standing.metric_name,
        standing.segment,
        null::integer as percentile,
        standing.item_count::numeric as metric_value,
        standing.item_count as sample_size,
        0 as excluded_count
    from {{ ref('stage_counts_by_day') }} as counts
    cross join lateral (
        values
        {%- for stage in ['backlog'] + stages %}
        ('wip_by_stage', '{{ stage }}', counts.{{ stage }}_count),
        {%- endfor %}
        ('wip', null, counts.{{ stages | join('_count + counts.') }}_count)
    ) as standing (metric_name, segment, item_count)
    {%- if is_incremental() %}
    where counts.revision > {{ applied_revision() }}
    {%- endif %}
{% endmacro %}

{# Work in progress, and what is in progress by the fields of the tickets where nobody mapped their status. #}
{% macro flow_load_by_day() %}
    select
        counts.day as metric_date,
        counts.stream_type,
        counts.stream_id,
        'flow_load' as metric_name,
        null::text as segment,
        null::integer as percentile,
        load.item_count::numeric as metric_value,
        load.item_count as sample_size,
        0 as excluded_count
    from (
        select
            counted.*,
            sum(coalesce(stated.change, 0)) over (
                partition by counted.stream_type, counted.stream_id
                order by counted.day
            )::integer as stated_count
        from {{ ref('stage_counts_by_day') }} as counted
        left join ({{ stated_changes_by_day() }}) as stated
            on
                counted.day = stated.day
                and counted.stream_type = stated.stream_type
                and counted.stream_id = stated.stream_id
    ) as counts
    cross join lateral (
        select
            counts.ba_count + counts.dev_count + counts.code_review_count + counts.qa_count + counts.uat_count
            + counts.stated_count as item_count
    ) as load
{% endmacro %}

{# Of items in a status that nobody mapped: how many more were in progress by their fields than the day before. #}
{% macro stated_changes_by_day() %}
        select
            streams.stream_type,
            streams.stream_id,
            greatest(steps.day, (select min(first_counts.day) from {{ ref('stage_counts_by_day') }} as first_counts))
                as day,
            sum(steps.change) as change
        from {{ ref('work_item_flow') }} as flow
        cross join lateral (
            {{- streams_of('array_remove(array[flow.delivery_stream_id], null)', 'flow.tech_stream_ids') }}
        ) as streams
        cross join lateral (
            values
            ({{ local_date('flow.started_at') }}, 1),
            ({{ local_date('flow.completed_at') }}, -1)
        ) as steps (day, change)
        where
            (flow.is_in_progress_by_fields or (flow.completed_at is not null and not flow.is_completed_by_workflow))
            and flow.started_at is not null
            and coalesce(flow.completed_at >= flow.started_at, true)
            and steps.day is not null
        group by streams.stream_type, streams.stream_id, 3
{% endmacro %}
