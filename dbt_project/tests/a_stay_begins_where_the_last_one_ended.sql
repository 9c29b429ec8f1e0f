-- The stays of a ticket follow each other without gap or overlap, and exactly one is still open.
with stays as (
    select
        ticket_id,
        started_at,
        ended_at,
        lead(started_at) over (partition by ticket_id order by started_at) as next_started_at
    from {{ ref('work_item_stage_intervals') }}
)

select *
from stays
where ended_at is distinct from next_started_at
