-- The counts of items by day, a row for each stage.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['day', 'stream_type', 'stream_id', 'stage'],
    meta={'touched': 'touched_flow_days', 'touched_key': 'day'},
    indexes=[{'columns': ['stream_type', 'stream_id', 'day']}],
    pre_hook="{{ begin_build() }}",
    post_hook="{{ end_build(unique=['(day, stream_type, stream_id, stage)']) }}",
) }}

{%- set stages = pipeline_stages() | reject('equalto', 'done') | list %}

with stage_counts_by_day as (
    select * from {{ ref('stage_counts_by_day') }}
    {{ where_flow_day_touched() }}
),

final as (
    select
        stage_counts_by_day.day,
        stage_counts_by_day.stream_type,
        stage_counts_by_day.stream_id,
        stages.stage,
        {{ is_work_in_progress('stages.stage') }} as is_wip,
        stages.item_count
    from stage_counts_by_day
    cross join lateral (
        values
        {%- for stage in stages %}
        ('{{ stage }}', stage_counts_by_day.{{ stage }}_count){{ ',' if not loop.last }}
        {%- endfor %}
    ) as stages (stage, item_count)
)

select * from final
