-- What enters is counted against what leaves: a ticket that any delivery or fetched issue named is a work item,
-- under its present key, and there is no work item that nobody named. Not asserted: that every delivery names a
-- ticket; those that name none are dead letters.
with named as (
    select ticket_id from {{ ref('stg_jira__issue_events') }}
    union
    select ticket_id from {{ ref('stg_jira__issues') }}
),

aliases as (
    {{ ticket_aliases() }}
),

expected as (
    select distinct coalesce(aliases.ticket_id, named.ticket_id) as ticket_id
    from named
    left join aliases on named.ticket_id = aliases.former_ticket_id
)

select
    expected.ticket_id as named_ticket_id,
    work_items.ticket_id as work_item_ticket_id
from expected
full outer join {{ ref('work_items') }} as work_items on expected.ticket_id = work_items.ticket_id
where expected.ticket_id is null or work_items.ticket_id is null
