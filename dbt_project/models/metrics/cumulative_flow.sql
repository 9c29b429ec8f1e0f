-- The counts of items by day as the bands of a cumulative flow diagram.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['day', 'stream_type', 'stream_id', 'stage'],
    meta={'touched': 'touched_flow_days', 'touched_key': 'day'},
    indexes=[{'columns': ['stream_type', 'stream_id', 'day']}],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build(unique=['(day, stream_type, stream_id, stage)']) }}",
) }}

with stage_counts_by_day as (
    select * from {{ ref('stage_counts_by_day') }}
    {{ where_flow_day_touched() }}
),

final as (
    select
        counts.day,
        counts.stream_type,
        counts.stream_id,
        stages.stage,
        stages.stage_order,
        stages.cumulative_count,
        stages.arrived_count
    from stage_counts_by_day as counts
    cross join lateral (
        values
        {%- for stage in pipeline_stages() %}
        (
            '{{ stage }}',
            {{ loop.index }},
            counts.{{ pipeline_stages()[loop.index0:] | join('_count + counts.') }}_count,
            counts.{{ stage }}_reached
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as stages (stage, stage_order, cumulative_count, arrived_count)
)

select * from final
