-- The newest value of every metric in full: tier, trend against the window before, confidence, or why there is none.
{{ config(materialized='table') }}

with daily_stream_metrics as (
    select * from {{ ref('daily_stream_metrics') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

dora_tiers as (
    select * from {{ ref('dora_tiers') }}
    where source = 'DORA' and year = 2024
),

quality_rates as (
    select * from {{ ref('quality_rates') }}
),

work_items as (
    select * from {{ ref('work_items') }}
),

jira_fields_of_metrics as (
    select * from {{ ref('jira_fields_of_metrics') }}
),

field_mappings as (
    select * from {{ source('config', 'field_mappings') }}
    where problem is null
),

-- Jira is in use, nothing else ever fed the metric, and the fields that could are not mapped (000 §1): name them.
fields_to_map as (
    select
        needed.metric_name,
        string_agg(needed.internal_field, ' and ' order by needed.internal_field) as field_names
    from jira_fields_of_metrics as needed
    where
        not exists (
            select 1
            from field_mappings
            where field_mappings.internal_field in (needed.internal_field, needed.stand_in)
        )
        and not exists (
            select 1
            from daily_stream_metrics as ever
            where ever.metric_name = needed.metric_name and ever.metric_value is not null
        )
        and exists (select 1 from work_items)
    group by needed.metric_name
),

-- Where no item of the whole installation is in a mapped stage, it is the mapping that is missing, not the work.
mapping_state as (
    select
        coalesce(bool_or(not is_deleted), false) as has_items,
        coalesce(bool_or(current_stage is not null), false) as has_mapped_items
    from work_items
),

newest_day as (
    select max(metric_date) as metric_date
    from daily_stream_metrics
),

newest as (
    select daily_stream_metrics.*
    from daily_stream_metrics
    inner join newest_day on daily_stream_metrics.metric_date = newest_day.metric_date
),

with_previous as (
    select
        newest.*,
        previous.metric_value as previous_value
    from newest
    left join daily_stream_metrics as previous
        on
            newest.stream_type = previous.stream_type
            and newest.stream_id = previous.stream_id
            and newest.metric_name = previous.metric_name
            and newest.window_days = previous.window_days
            and newest.metric_date - newest.window_days = previous.metric_date
),

-- Which rate a metric stands on: 004 §5.6 names the linkage rate for lead time and DORA.
weak_rates as (
    select
        affected.metric_name,
        quality_rates.stream_type,
        quality_rates.stream_id,
        string_agg(
            quality_rates.display_name || ' is ' || round(quality_rates.rate_pct) || ' %, below the target of '
            || round(quality_rates.target_pct) || ' %',
            '; '
            order by quality_rates.display_name
        ) as confidence_reason
    from quality_rates
    inner join (
        values
        ('pr_ticket_linkage_rate', 'lead_time_p50'),
        ('pr_ticket_linkage_rate', 'lead_time_p85'),
        ('pr_ticket_linkage_rate', 'deployment_frequency'),
        ('pr_ticket_linkage_rate', 'change_failure_rate'),
        ('pr_ticket_linkage_rate', 'change_failure_rate_completed'),
        ('ticket_stream_tagging_rate', 'cycle_time_p50'),
        ('ticket_stream_tagging_rate', 'cycle_time_p85'),
        ('ticket_stream_tagging_rate', 'cycle_time_p95'),
        ('ticket_stream_tagging_rate', 'flow_efficiency'),
        ('ticket_stream_tagging_rate', 'throughput'),
        ('deployment_traceability_rate', 'lead_time_p50'),
        ('deployment_traceability_rate', 'lead_time_p85')
    ) as affected (rate_name, metric_name) on quality_rates.metric_name = affected.rate_name
    where quality_rates.rate_pct < quality_rates.target_pct
    group by affected.metric_name, quality_rates.stream_type, quality_rates.stream_id
),

final as (
    select
        with_previous.stream_type,
        with_previous.stream_id,
        with_previous.metric_name,
        with_previous.window_days,
        with_previous.metric_value,
        with_previous.metric_unit,
        with_previous.percentile,
        with_previous.sample_size,
        with_previous.excluded_count,
        tier.tier as performance_tier,
        tier.colour as tier_colour,
        case when tier.tier is not null then tier.source || ' ' || tier.year end as tier_edition,
        {{ day_starts_at('with_previous.metric_date - with_previous.window_days + 1') }} as window_start,
        least({{ day_starts_at('with_previous.metric_date + 1') }}, {{ as_of() }}) as window_end,
        case
            when with_previous.metric_value is not null then 'success'
            when
                mapping_state.has_items
                and not mapping_state.has_mapped_items
                and metric_catalogue.metric_name in (
                    'cycle_time_p50', 'cycle_time_p85', 'cycle_time_p95', 'flow_efficiency', 'throughput'
                )
                then 'missing_mapping'
            when fields_to_map.metric_name is not null then 'missing_mapping'
            else 'no_data'
        end as error_state,
        case
            when with_previous.metric_value is not null then null
            when
                mapping_state.has_items
                and not mapping_state.has_mapped_items
                and metric_catalogue.metric_name in (
                    'cycle_time_p50', 'cycle_time_p85', 'cycle_time_p95', 'flow_efficiency', 'throughput'
                )
                then 'No Jira status is mapped to a pipeline stage yet. Add status mappings and build again.'
            when fields_to_map.metric_name is not null
                then
                    'No source tells of it yet. Connect one, or map ' || fields_to_map.field_names
                    || ' to fields of Jira with `dpp jira map`.'
            when with_previous.excluded_count > 0
                then 'All ' || with_previous.excluded_count || ' candidates in this window lack what the metric needs.'
            else 'Nothing to measure happened in these ' || with_previous.window_days || ' days.'
        end as error_message,
        with_previous.previous_value,
        case
            when with_previous.metric_value is null or with_previous.previous_value is null then null
            when with_previous.metric_value > with_previous.previous_value then 'up'
            when with_previous.metric_value < with_previous.previous_value then 'down'
            else 'flat'
        end as trend_direction,
        round(
            (with_previous.metric_value - with_previous.previous_value)
            / nullif(abs(with_previous.previous_value), 0) * 100,
            2
        ) as trend_percentage,
        coalesce(weak.confidence_reason, weak_overall.confidence_reason) is not null as is_low_confidence,
        coalesce(weak.confidence_reason, weak_overall.confidence_reason) as confidence_reason
    from with_previous
    inner join metric_catalogue on with_previous.metric_name = metric_catalogue.metric_name
    left join fields_to_map on with_previous.metric_name = fields_to_map.metric_name
    cross join mapping_state
    left join weak_rates as weak
        on
            with_previous.metric_name = weak.metric_name
            and with_previous.stream_type = weak.stream_type
            and with_previous.stream_id = weak.stream_id
    -- An untagged ticket has no stream whose rate it could lower, so tagging is judged for all together.
    left join weak_rates as weak_overall
        on
            with_previous.metric_name = weak_overall.metric_name
            and weak_overall.stream_type = 'all'
            and with_previous.stream_type = 'delivery'
            and weak_overall.metric_name in (
                'cycle_time_p50', 'cycle_time_p85', 'cycle_time_p95', 'flow_efficiency', 'throughput'
            )
    left join lateral (
        select dora_tiers.*
        from dora_tiers
        where
            with_previous.metric_name = dora_tiers.metric_name
            and with_previous.metric_value >= dora_tiers.lower_bound
            and (
                dora_tiers.upper_bound is null
                or with_previous.metric_value < dora_tiers.upper_bound
                or (dora_tiers.is_upper_inclusive and with_previous.metric_value = dora_tiers.upper_bound)
            )
        order by dora_tiers.tier_rank
        limit 1
    ) as tier on true
)

select * from final
