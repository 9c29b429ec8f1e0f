-- What became of a sprint is what its last snapshot shows.
with last_snapshots as (
    select distinct on (jira_sprint_id) *
    from {{ ref('sprint_snapshots') }}
    order by jira_sprint_id, snapshot_date desc
)

select
    facts.*,
    last_snapshots.snapshot_date
from {{ ref('sprint_facts') }} as facts
full outer join last_snapshots on facts.jira_sprint_id = last_snapshots.jira_sprint_id
where
    (
        facts.is_final,
        facts.committed_count,
        facts.completed_count,
        facts.carried_over_count,
        facts.cancelled_count,
        facts.added_count,
        facts.removed_count
    )
    is distinct from (
        last_snapshots.is_final,
        last_snapshots.committed_count,
        last_snapshots.completed_count,
        last_snapshots.remaining_count,
        last_snapshots.cancelled_count,
        last_snapshots.added_after_start,
        last_snapshots.removed_after_start
    )
