{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='ticket_id',
    meta={
        'touched': 'touched_work_items',
        'touched_key': 'ticket_id',
        'volatile': ['revision'],
        'before': 'keep_replaced_paths',
    },
    indexes=[
        {'columns': ['ticket_id'], 'unique': true},
        {'columns': ['revision']},
        {'columns': ['first_day']},
        {'columns': ['last_day']},
    ],
    pre_hook=["{{ begin_build() }}", "{{ prepare_replaced_paths() }}"],
    post_hook="{{ end_build() }}",
) }}

with work_items as (
    select
        ticket_id,
        delivery_stream_id,
        tech_stream_ids,
        is_deleted,
        is_out_of_scope
    from {{ ref('work_items') }}
    {{ where_touched(with_tech_streams=true) }}
),

stage_intervals as (
    select
        ticket_id,
        stage,
        started_at,
        ended_at
    from {{ ref('work_item_stage_intervals') }}
    {{ where_touched(with_tech_streams=true) }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

-- Where an item stood at the end of a day: a stay that ends on the day of its beginning is not seen.
stays as (
    select
        ticket_id,
        stage,
        started_at,
        {{ local_date('started_at') }} as day
    from stage_intervals
    where ended_at is null or {{ local_date('started_at') }} < {{ local_date('ended_at') }}
),

paths as (
    select
        ticket_id,
        array_agg(day order by started_at) as days,
        array_agg(stage order by started_at) as stages,
        array[
            {%- for stage in pipeline_stages() %}
            min(day) filter (where stage in {{ stages_from(stage) }}){{ ',' if not loop.last }}
            {%- endfor %}
        ] as reached_days
    from stays
    group by ticket_id
),

final as (
    select
        paths.ticket_id,
        revision.revision,
        work_items.delivery_stream_id,
        work_items.tech_stream_ids,
        paths.days,
        paths.stages,
        paths.reached_days,
        paths.days[1] as first_day,
        paths.days[cardinality(paths.days)] as last_day
    from paths
    inner join work_items on paths.ticket_id = work_items.ticket_id
    cross join revision
    where not work_items.is_deleted and not work_items.is_out_of_scope
)

select * from final
