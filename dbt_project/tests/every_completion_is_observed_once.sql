-- Throughput loses nothing on its way from the cycles: every completed ticket is observed once under "all", and nothing
-- else is. Not asserted for streams, since a ticket may have none.
with completed as (
    select 'item:' || ticket_id as subject
    from {{ ref('work_item_cycles') }}
),

observed as (
    select subject
    from {{ ref('metric_observations') }}
    where observation = 'cycle_time' and stream_type = 'all'
)

select
    completed.subject as completed_subject,
    observed.subject as observed_subject
from completed
full outer join observed on completed.subject = observed.subject
where completed.subject is null or observed.subject is null
