-- A ticket that stands in done, and was not deleted, is in work_item_cycles, and no other is: throughput loses nothing.
select
    work_items.ticket_id as done_ticket_id,
    work_item_cycles.ticket_id as cycle_ticket_id
from (
    select ticket_id
    from {{ ref('work_items') }}
    where is_done and not is_deleted
) as work_items
full outer join {{ ref('work_item_cycles') }} as work_item_cycles on work_items.ticket_id = work_item_cycles.ticket_id
where work_items.ticket_id is null or work_item_cycles.ticket_id is null
