{#
  Of each pull request that was reviewed, on the day of its first review; of each merged one its whole and its phases, all
  on the day on which it went live, or was merged where it did not: so the phases of a window belong to the same pull
  requests as the whole. What is missing, and a bot's (unless they are counted), is left out and counted.
#}
{% macro pull_requests_observations() %}
    select
        'review_turnaround' as observation,
        'pr:' || cycles.cycle_id as subject,
        null::text as segment,
        cycles.first_review_at as observed_at,
        array_remove(array[cycles.delivery_stream_id], null) as delivery_stream_ids,
        array_remove(array[cycles.tech_stream_id], null) as tech_stream_ids,
        case when {{ counts_for_metrics('cycles.is_bot') }} then cycles.time_to_first_review_hrs end as value,
        null::numeric as weight
    from {{ ref('pr_cycles') }} as cycles
    where cycles.first_review_at is not null {{ and_touched('pr', 'cycles.cycle_id::text') }}
    union all
    select
        measures.observation,
        'pr:' || phases.cycle_id,
        measures.segment,
        coalesce(phases.deployed_at, phases.merged_at),
        array_remove(array[phases.delivery_stream_id], null),
        array_remove(array[phases.tech_stream_id], null),
        case when {{ counts_for_metrics('phases.is_bot') }} then measures.value end,
        null
    from {{ ref('pr_phases') }} as phases
    cross join lateral (
        values
        ('pr_cycle_time', null, phases.cycle_time_hrs),
        ('pr_phase_time', 'coding', phases.coding_hrs),
        ('pr_phase_time', 'pickup', phases.pickup_hrs),
        ('pr_phase_time', 'review', phases.review_hrs),
        ('pr_phase_time', 'merge', phases.merge_hrs),
        ('pr_phase_time', 'deploy', phases.deploy_hrs)
    ) as measures (observation, segment, value)
    where true {{ and_touched('pr', 'phases.cycle_id::text') }}
{% endmacro %}

{# Bots' pull requests are left out of metrics unless the setting counts them. #}
{% macro counts_for_metrics(is_bot) -%}
    {{ 'true' if var('count_bot_pull_requests', false) else 'not ' ~ is_bot }}
{%- endmacro %}

{# Those that were heard of, reviewed or deployed, and those that a force-push or a new name has taken away. #}
{% macro touched_reviews() %}
    select 'pr:' || {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }} as subject
    from {{ ref('pull_requests') }}
    where revision > {{ applied_revision() }}
    union
    select 'pr:' || {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }}
    from {{ ref('pr_events') }}
    where revision > {{ applied_revision() }}
    union
    select 'pr:' || cycle_id
    from {{ ref('pr_phases') }}
    where revision > {{ applied_revision() }}
    union
    select known.subject
    from {{ this }} as known
    where
        known.observation in ('review_turnaround', 'pr_cycle_time')
        and known.stream_type = 'all'
        and not exists (
            select 1 from {{ ref('pr_cycles') }} as cycles where 'pr:' || cycles.cycle_id = known.subject
        )
{% endmacro %}
