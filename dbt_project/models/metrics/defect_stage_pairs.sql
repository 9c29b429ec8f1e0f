-- Where defects come from and where they are found, for a Sankey diagram (specification 004 §6.3.2).
{{ config(materialized='table') }}

with defects as (
    select *
    from ({{ current_defects() }}) as current_defects
    where logged_at <= {{ as_of() }}
),

windows as (
    select *
    from (
        values
        {%- for window_days in windows() %}
        ('{{ window_days }}d', {{ window_days }}, {{ local_date(as_of()) }} - {{ window_days - 1 }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as rolling (window_name, window_days, window_start)
),

counted as (
    select
        windows.window_name,
        windows.window_days,
        windows.window_start,
        streams.stream_type,
        streams.stream_id,
        defects.introduced_in_stage,
        defects.found_in_stage,
        count(*) as defect_count
    from defects
    inner join windows on windows.window_start <= {{ local_date('defects.logged_at') }}
    cross join lateral (
        {{- streams_of('array_remove(array[defects.delivery_stream_id], null)', 'defects.tech_stream_ids') }}
    ) as streams
    group by
        windows.window_name,
        windows.window_days,
        windows.window_start,
        streams.stream_type,
        streams.stream_id,
        defects.introduced_in_stage,
        defects.found_in_stage
),

summed as (
    select
        *,
        sum(defect_count) over one_window as all_count,
        coalesce(sum(defect_count) filter (where introduced_in_stage is null) over one_window, 0) as unattributed_count,
        coalesce(
            sum(defect_count) filter (where introduced_in_stage is not null and found_in_stage is null) over one_window, 0
        ) as unplaced_count
    from counted
    window one_window as (partition by window_name, stream_type, stream_id)
),

final as (
    select
        stream_type,
        stream_id,
        window_name,
        window_days,
        window_start,
        introduced_in_stage,
        found_in_stage,
        defect_count::integer as defect_count,
        unattributed_count::integer as unattributed_count,
        unplaced_count::integer as unplaced_count,
        all_count::integer as all_count
    from summed
    where introduced_in_stage is not null and found_in_stage is not null
)

select * from final
