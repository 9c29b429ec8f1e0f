-- Which technology held up whom, day by day (specification 004 §6.7).
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['analysis_date', 'tech_stream_id'],
    meta={'touched': 'touched_analysis_days', 'touched_key': 'analysis_date', 'volatile': ['computed_at']},
    pre_hook="{{ begin_build(configuration_fingerprint(['tech_streams', 'bottleneck_severities'])) }}",
    post_hook="{{ end_build(unique=['(analysis_date, tech_stream_id)'], indexes=['(tech_stream_id, analysis_date)']) }}",
) }}

with tech_streams as (
    select stream_id
    from {{ ref('stream_list') }}
    where stream_type = 'tech'
),

metric_observations as (
    select * from {{ ref('metric_observations') }}
),

sprints as (
    select * from {{ source('config', 'sprints') }}
),

bottleneck_severities as (
    select * from {{ source('config', 'bottleneck_severities') }}
),

first_day as (
    {{ first_analysis_day() }}
),

days as (
    select generated::date as analysis_date
    from first_day
    cross join generate_series(
        first_day.analysis_date::timestamp, ({{ local_date(as_of()) }})::timestamp, interval '1 day'
    ) as generated
),

-- A block holds until the ticket is released or done.
blocks as (
    select
        block_events.blocking_tech_stream_id as tech_stream_id,
        block_events.delivery_stream_id,
        {{ local_date('block_events.event_timestamp') }} as blocked_on,
        {{ local_date('released.event_timestamp') }} as released_on
    from {{ ref('work_item_events') }} as block_events
    left join lateral (
        select min(later.event_timestamp) as event_timestamp
        from {{ ref('work_item_events') }} as later
        where
            block_events.ticket_id = later.ticket_id
            and later.event_type in ('unblocked', 'completed')
            and later.event_timestamp between block_events.event_timestamp and {{ as_of() }}
    ) as released on true
    where
        block_events.event_type = 'blocked'
        and block_events.event_timestamp <= {{ as_of() }}
        and block_events.blocking_tech_stream_id is not null
        and block_events.event_timestamp
        >= {{ day_starts_at('(select first_day.analysis_date from first_day) - 13') }}
),

-- On which days a block is one of the last 14 days; of the streams of such days, which are blocked at their end.
impacts as (
    select
        days.analysis_date,
        blocks.tech_stream_id,
        blocks.delivery_stream_id,
        count(*) as block_count,
        bool_or(coalesce(blocks.released_on > days.analysis_date, true)) as is_blocked
    from blocks
    cross join generate_series(0, 13) as day_number
    inner join days on blocks.blocked_on + day_number = days.analysis_date
    group by days.analysis_date, blocks.tech_stream_id, blocks.delivery_stream_id
),

impacted as (
    select distinct
        analysis_date,
        delivery_stream_id
    from impacts
    where delivery_stream_id is not null
),

-- The last word on each sprint and day.
confidences as (
    select distinct on (said.sprint_id, said.computed_on)
        said.delivery_stream_id,
        said.sprint_id,
        said.computed_on,
        said.confidence_pct,
        sprints.end_date
    from {{ source('forecast', 'sprint_confidence') }} as said
    left join sprints on said.sprint_id = sprints.sprint_id
    where said.computed_at <= {{ as_of() }}
    order by said.sprint_id, said.computed_on, said.computed_at desc
),

-- A confidence is only worked out for an active sprint: it holds on its day, and on later days of the sprint.
stream_confidences as (
    select
        latest.analysis_date,
        latest.delivery_stream_id,
        avg(latest.confidence_pct) as confidence_pct
    from (
        select distinct on (impacted.analysis_date, impacted.delivery_stream_id, confidences.sprint_id)
            impacted.analysis_date,
            impacted.delivery_stream_id,
            confidences.confidence_pct
        from impacted
        inner join confidences
            on
                impacted.delivery_stream_id = confidences.delivery_stream_id
                and impacted.analysis_date >= confidences.computed_on
                and (
                    impacted.analysis_date = confidences.computed_on
                    or impacted.analysis_date <= confidences.end_date
                )
        order by
            impacted.analysis_date, impacted.delivery_stream_id, confidences.sprint_id, confidences.computed_on desc
    ) as latest
    group by latest.analysis_date, latest.delivery_stream_id
),

stream_states as (
    select
        impacted.analysis_date,
        impacted.delivery_stream_id,
        stream_confidences.confidence_pct,
        looked_up.cycle_time_p85
    from impacted
    left join stream_confidences
        on
            impacted.analysis_date = stream_confidences.analysis_date
            and impacted.delivery_stream_id = stream_confidences.delivery_stream_id
    left join lateral (
        select percentile_cont(0.85) within group (order by metric_observations.value)::numeric as cycle_time_p85
        from metric_observations
        where
            metric_observations.observation = 'cycle_time'
            and metric_observations.stream_type = 'delivery'
            and impacted.delivery_stream_id = metric_observations.stream_id
            and metric_observations.observed_on between impacted.analysis_date - 29 and impacted.analysis_date
    ) as looked_up on true
),

assessed as (
    select
        days.analysis_date,
        tech_streams.stream_id as tech_stream_id,
        coalesce(
            array_agg(impacts.delivery_stream_id order by impacts.delivery_stream_id)
                filter (where impacts.delivery_stream_id is not null),
            '{}'
        ) as impacted_delivery_streams,
        coalesce(
            array_agg(impacts.delivery_stream_id order by impacts.delivery_stream_id)
                filter (where impacts.delivery_stream_id is not null and impacts.is_blocked),
            '{}'
        ) as blocked_delivery_streams,
        coalesce(sum(impacts.block_count), 0)::integer as block_count_14d,
        avg(stream_states.confidence_pct) as confidence_pct,
        avg(stream_states.cycle_time_p85) as cycle_time_p85
    from days
    cross join tech_streams
    left join impacts
        on days.analysis_date = impacts.analysis_date and tech_streams.stream_id = impacts.tech_stream_id
    left join stream_states
        on
            impacts.analysis_date = stream_states.analysis_date
            and impacts.delivery_stream_id = stream_states.delivery_stream_id
    group by days.analysis_date, tech_streams.stream_id
),

final as (
    select
        {{ event_id('cross_stream', ['assessed.analysis_date', 'assessed.tech_stream_id']) }} as correlation_id,
        assessed.analysis_date,
        assessed.tech_stream_id,
        assessed.impacted_delivery_streams,
        assessed.blocked_delivery_streams,
        assessed.block_count_14d,
        round(assessed.confidence_pct, 4) as avg_confidence_pct,
        round(assessed.cycle_time_p85, 4) as avg_cycle_time_p85,
        worst.severity,
        {{ as_of() }} as computed_at
    from assessed
    -- Of the rules that match, the most severe. What is not known is not below any bound.
    left join lateral (
        select bottleneck_severities.severity
        from bottleneck_severities
        where
            cardinality(assessed.impacted_delivery_streams) >= bottleneck_severities.impacted_from
            and coalesce(
                cardinality(assessed.impacted_delivery_streams) <= bottleneck_severities.impacted_to, true
            )
            and (
                bottleneck_severities.confidence_below_pct is null
                or coalesce(assessed.confidence_pct < bottleneck_severities.confidence_below_pct, false)
            )
            and coalesce(assessed.confidence_pct >= bottleneck_severities.confidence_from_pct, true)
        order by {{ bottleneck_rank('bottleneck_severities.severity') }} desc
        limit 1
    ) as worst on true
)

select * from final
