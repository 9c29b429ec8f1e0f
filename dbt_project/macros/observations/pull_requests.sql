{# Of each pull request that was reviewed, on the day of its first review. A bot's is left out and counted. #}
{% macro pull_requests_observations() %}
    select
        'review_turnaround' as observation,
        'pr:' || cycles.cycle_id as subject,
        null::text as segment,
        cycles.first_review_at as observed_at,
        array_remove(array[cycles.delivery_stream_id], null) as delivery_stream_ids,
        array_remove(array[cycles.tech_stream_id], null) as tech_stream_ids,
        case when not cycles.is_bot then cycles.time_to_first_review_hrs end as value,
        null::numeric as weight
    from {{ ref('pr_cycles') }} as cycles
    where cycles.first_review_at is not null {{ and_touched('pr', 'cycles.cycle_id::text') }}
{% endmacro %}

{# Those that were heard of or reviewed, and those that a force-push or a new name has taken away. #}
{% macro touched_reviews() %}
    select 'pr:' || {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }} as subject
    from {{ ref('pull_requests') }}
    where revision > {{ applied_revision() }}
    union
    select 'pr:' || {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }}
    from {{ ref('pr_events') }}
    where revision > {{ applied_revision() }}
    union
    select known.subject
    from {{ this }} as known
    where
        known.observation = 'review_turnaround'
        and known.stream_type = 'all'
        and not exists (
            select 1 from {{ ref('pr_cycles') }} as cycles where 'pr:' || cycles.cycle_id = known.subject
        )
{% endmacro %}
