-- The parts make up the whole: the shares of one stream, day and window add up to 100 percent. Not asserted where the
-- window holds nothing, since there is no share then.
select
    metric_date,
    stream_type,
    stream_id,
    window_name,
    sum(metric_value) as total
from {{ ref('daily_stream_metrics') }}
where metric_name = 'flow_distribution' and metric_value is not null
group by
    metric_date,
    stream_type,
    stream_id,
    window_name
having abs(sum(metric_value) - 100) > 0.001
