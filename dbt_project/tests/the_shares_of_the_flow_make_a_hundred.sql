-- The kinds of work in a stream and window make up a hundred percent, to rounding. Not asserted: that there is any work
-- of a known kind at all; then there is no share.
select
    metric_date,
    stream_type,
    stream_id,
    window_name,
    sum(metric_value) as total
from {{ ref('daily_stream_metrics') }}
where metric_name = 'flow_distribution'
group by metric_date, stream_type, stream_id, window_name
having abs(sum(metric_value) - 100) > 0.0001
