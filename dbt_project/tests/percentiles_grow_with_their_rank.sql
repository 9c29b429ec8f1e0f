-- The median is not above the 85th percentile, nor that above the 95th: same stream, day and window.
with percentiles as (
    select
        metric_date,
        stream_type,
        stream_id,
        window_name,
        segment,
        regexp_replace(metric_name, '_p[0-9]+$', '') as family,
        max(metric_value) filter (where percentile = 50) as p50,
        max(metric_value) filter (where percentile = 85) as p85,
        max(metric_value) filter (where percentile = 95) as p95
    from {{ ref('daily_stream_metrics') }}
    where percentile is not null and metric_value is not null
    group by
        metric_date,
        stream_type,
        stream_id,
        window_name,
        segment,
        regexp_replace(metric_name, '_p[0-9]+$', '')
)

select *
from percentiles
where p50 > p85 or p85 > p95
