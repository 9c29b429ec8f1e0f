-- Whatever a staging model understood is in the events that follow from it, by its key. Not asserted: how many events
-- there are, since one thing that is told twice is one event, and one delivery may tell of several.
select
    'pull request' as kind,
    read.pull_request_key as key
from (
    {{ union_of_sources(pull_request_sources(), 'pull_request_key') }}
    union
    {{ union_of_sources(review_sources(), 'pull_request_key') }}
) as read
where not exists (
    select 1 from {{ ref('pull_requests') }} as made where made.pull_request_key = read.pull_request_key
)
union all
select
    'pipeline',
    read.pipeline_id
from ({{ union_of_sources(cicd_sources(), 'pipeline_id') }}) as read
where not exists (select 1 from {{ ref('cicd_events') }} as made where made.pipeline_id = read.pipeline_id)
union all
select
    'incident',
    read.incident_id
from ({{ union_of_sources(incident_sources(), 'incident_id') }}) as read
where not exists (select 1 from {{ ref('incident_events') }} as made where made.incident_id = read.incident_id)
