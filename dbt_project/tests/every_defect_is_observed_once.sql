-- Each defect has one event that holds now and one that logged it, and is observed once for all streams together. Not
-- asserted: by stream, since a defect belongs to several technology streams, or to none.
with defects as (
    select
        ticket_id,
        count(*) filter (where is_current) as current_events,
        count(*) filter (where event_type = 'logged') as logged_events
    from {{ ref('defect_events') }}
    group by ticket_id
),

observed as (
    select
        subject,
        count(*) as observations
    from {{ ref('metric_observations') }}
    where observation = 'defect_origin_unknown' and stream_type = 'all'
    group by subject
)

select
    coalesce('defect:' || defects.ticket_id, observed.subject) as subject,
    defects.current_events,
    defects.logged_events,
    observed.observations
from defects
full join observed on 'defect:' || defects.ticket_id = observed.subject
where (defects.current_events, defects.logged_events, observed.observations) is distinct from (1, 1, 1)
