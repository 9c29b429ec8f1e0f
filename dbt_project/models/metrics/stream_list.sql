-- Every stream that has rows in the metric tables, and "all streams" as one more.
{{ config(materialized='table') }}

with delivery_streams as (
    select * from {{ source('config', 'delivery_streams') }}
),

tech_streams as (
    select * from {{ source('config', 'tech_streams') }}
),

final as (
    select
        'all' as stream_type,
        '{{ all_streams_id() }}'::uuid as stream_id,
        'all' as name,
        'All streams' as display_name
    union all
    select
        'delivery' as stream_type,
        stream_id,
        name,
        display_name
    from delivery_streams
    where is_active
    union all
    select
        'tech' as stream_type,
        stream_id,
        name,
        display_name
    from tech_streams
    where is_active
)

select * from final
