-- The newest value of every metric in full: tier, trend against the window before, confidence, or why there is none.
{{ config(materialized='table') }}

-- Not materialised: it is large, and looked up by its keys.
with daily_stream_metrics as not materialized (
    select * from {{ ref('daily_stream_metrics') }}
),

stream_list as (
    select * from {{ ref('stream_list') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

metric_observation_days as (
    select * from {{ ref('metric_observation_days') }}
),

dora_tiers as (
    select
        *,
        source || ' ' || year as edition
    from {{ ref('dora_tiers') }}
    where source || ' ' || year = '{{ var("tier_edition") }}'
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

definitions as (
    {{ metric_definition_rows() }}
),

state_metrics as (
    {{ state_metric_rows() }}
),

sprints_of_today as (
    select * from ({{ sprint_windows() }}) as sprint_windows
    where metric_date = {{ last_metric_day() }}
),

windows as (
    select
        stream_list.stream_type,
        stream_list.stream_id,
        rolling.window_name,
        {{ last_metric_day() }} - rolling.window_days + 1 as window_start
    from stream_list
    cross join (
        values
        {%- for window_days in windows() %}
        ('{{ window_days }}d', {{ window_days }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as rolling (window_name, window_days)
    union all
    select
        'delivery',
        sprints_of_today.stream_id,
        'sprint',
        sprints_of_today.window_start
    from sprints_of_today
    inner join stream_list
        on sprints_of_today.stream_id = stream_list.stream_id and stream_list.stream_type = 'delivery'
),

-- A metric that was never observed in a stream has no daily rows; here it says that it has no value.
of_windows as (
    select
        windows.stream_type,
        windows.stream_id,
        definitions.metric_name,
        windows.window_name,
        windows.window_start,
        {{ last_metric_day() }} as metric_date,
        definitions.percentile,
        newest.segment,
        newest.metric_value,
        definitions.metric_unit,
        coalesce(newest.sample_size, 0) as sample_size,
        coalesce(newest.excluded_count, 0) as excluded_count
    from windows
    cross join definitions
    left join daily_stream_metrics as newest
        on
            newest.metric_date = {{ last_metric_day() }}
            and windows.stream_type = newest.stream_type
            and windows.stream_id = newest.stream_id
            and windows.window_name = newest.window_name
            and definitions.metric_name = newest.metric_name
),

last_states as (
    select
        daily_stream_metrics.*,
        max(daily_stream_metrics.metric_date) over (
            partition by
                daily_stream_metrics.stream_type, daily_stream_metrics.stream_id, daily_stream_metrics.metric_name
        ) as newest_date
    from daily_stream_metrics
    inner join state_metrics on daily_stream_metrics.metric_name = state_metrics.metric_name
    where
        daily_stream_metrics.window_name = 'day'
        and daily_stream_metrics.metric_date >= {{ last_metric_day() }} - state_metrics.days_valid
),

of_days as (
    select
        stream_list.stream_type,
        stream_list.stream_id,
        state_metrics.metric_name,
        'day' as window_name,
        coalesce(newest.metric_date, {{ last_metric_day() }}) as window_start,
        coalesce(newest.metric_date, {{ last_metric_day() }}) as metric_date,
        newest.percentile,
        newest.segment,
        newest.metric_value,
        state_metrics.metric_unit,
        coalesce(newest.sample_size, 0) as sample_size,
        coalesce(newest.excluded_count, 0) as excluded_count
    from stream_list
    inner join state_metrics on stream_list.stream_type = any(state_metrics.stream_types)
    left join last_states as newest
        on
            stream_list.stream_type = newest.stream_type
            and stream_list.stream_id = newest.stream_id
            and state_metrics.metric_name = newest.metric_name
            and newest.newest_date = newest.metric_date
),

newest as (
    select * from of_windows
    union all
    select * from of_days
),

-- The window before: as many days before these; of a sprint, the one before, when it was as old; of a state, its last.
with_previous as (
    select
        newest.*,
        newest.metric_date - newest.window_start + 1 as window_days,
        coalesce(before.metric_value, earlier.metric_value) as previous_value
    from newest
    left join daily_stream_metrics as before
        on
            newest.window_name not in ('sprint', 'day')
            and newest.stream_type = before.stream_type
            and newest.stream_id = before.stream_id
            and newest.metric_name = before.metric_name
            and newest.window_name = before.window_name
            and newest.percentile is not distinct from before.percentile
            and newest.segment is not distinct from before.segment
            and newest.window_start - 1 = before.metric_date
    left join lateral (
        select ended.metric_value
        from daily_stream_metrics as ended
        where
            newest.window_name in ('sprint', 'day')
            and newest.stream_type = ended.stream_type
            and newest.stream_id = ended.stream_id
            and newest.metric_name = ended.metric_name
            and newest.window_name = ended.window_name
            and newest.percentile is not distinct from ended.percentile
            and newest.segment is not distinct from ended.segment
            and ended.window_start < newest.window_start
            and ended.window_days <= newest.metric_date - newest.window_start + 1
        order by ended.window_start desc, ended.metric_date desc
        limit 1
    ) as earlier on true
),

rates_of_metrics as (
    select
        metric_catalogue.metric_name,
        trim(listed.rate_name) as rate_name
    from metric_catalogue
    cross join lateral unnest(string_to_array(metric_catalogue.confidence_rates, ';')) as listed (rate_name)
),

-- What is short of its target in a stream. An untagged ticket has no stream whose rate it could lower, so for delivery
-- streams tagging is judged for all together, as is every rate that a stream has none of.
weak_rates as (
    select
        rates_of_metrics.metric_name,
        stream_list.stream_type,
        stream_list.stream_id,
        string_agg(
            quality_rates.display_name || ' is ' || round(quality_rates.rate_pct) || ' %, below the target of '
            || round(quality_rates.target_pct) || ' %',
            '; '
            order by quality_rates.display_name
        ) as confidence_reason
    from stream_list
    cross join rates_of_metrics
    inner join quality_rates on rates_of_metrics.rate_name = quality_rates.metric_name
    left join quality_rates as own
        on
            rates_of_metrics.rate_name = own.metric_name
            and stream_list.stream_type = own.stream_type
            and stream_list.stream_id = own.stream_id
            and (own.stream_type <> 'delivery' or own.metric_name <> 'ticket_stream_tagging_rate')
    where
        quality_rates.rate_pct < quality_rates.target_pct
        and quality_rates.stream_type = coalesce(own.stream_type, 'all')
        and quality_rates.stream_id = coalesce(own.stream_id, '{{ all_streams_id() }}'::uuid)
    group by rates_of_metrics.metric_name, stream_list.stream_type, stream_list.stream_id
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
            from definitions
            inner join metric_observation_days as ever on definitions.observation = ever.observation
            where definitions.metric_name = needed.metric_name and ever.valued_count > 0
        )
        and exists (select 1 from work_items)
    group by needed.metric_name
),

-- Where no item of the whole installation is in a mapped stage, it is the mapping that is missing, not the work.
mapping_state as (
    select
        coalesce(bool_or(not is_deleted), false) and not coalesce(bool_or(current_stage is not null), false)
            as has_no_mapped_items
    from work_items
),

explained as (
    select
        with_previous.*,
        weak_rates.confidence_reason,
        case
            when with_previous.metric_value is not null then null
            when
                mapping_state.has_no_mapped_items
                and metric_catalogue.confidence_rates like '%ticket_stream_tagging_rate%'
                then 'No Jira status is mapped to a pipeline stage yet. Add status mappings and build again.'
            when fields_to_map.metric_name is not null
                then
                    'No source tells of it yet. Connect one, or map ' || fields_to_map.field_names
                    || ' to fields of Jira with `dpp jira map`.'
        end as missing_mapping,
        case
            when with_previous.metric_value is not null then null
            when with_previous.excluded_count > 0
                then 'All ' || with_previous.excluded_count || ' candidates in this window lack what the metric needs.'
            when with_previous.window_name = 'day' then 'Nothing is known of it for this day.'
            when with_previous.window_name = 'sprint' then 'Nothing to measure happened in this sprint so far.'
            else 'Nothing to measure happened in these ' || with_previous.window_days || ' days.'
        end as missing_data
    from with_previous
    inner join metric_catalogue on with_previous.metric_name = metric_catalogue.metric_name
    left join fields_to_map on with_previous.metric_name = fields_to_map.metric_name
    left join weak_rates
        on
            with_previous.metric_name = weak_rates.metric_name
            and with_previous.stream_type = weak_rates.stream_type
            and with_previous.stream_id = weak_rates.stream_id
    cross join mapping_state
),

final as (
    select
        explained.stream_type,
        explained.stream_id,
        explained.metric_name,
        explained.window_name,
        explained.window_days,
        explained.segment,
        explained.metric_value,
        explained.metric_unit,
        explained.percentile,
        explained.sample_size,
        explained.excluded_count,
        tier.tier as performance_tier,
        tier.colour as tier_colour,
        tier.edition as tier_edition,
        {{ day_starts_at('explained.window_start') }} as window_start,
        least({{ day_starts_at('explained.metric_date + 1') }}, {{ as_of() }}) as window_end,
        case
            when explained.metric_value is not null then 'success'
            when explained.missing_mapping is not null then 'missing_mapping'
            else 'no_data'
        end as error_state,
        coalesce(explained.missing_mapping, explained.missing_data) as error_message,
        explained.previous_value,
        case
            when explained.metric_value is null or explained.previous_value is null then null
            when explained.metric_value > explained.previous_value then 'up'
            when explained.metric_value < explained.previous_value then 'down'
            else 'flat'
        end as trend_direction,
        round(
            (explained.metric_value - explained.previous_value) / nullif(abs(explained.previous_value), 0) * 100, 2
        ) as trend_percentage,
        explained.confidence_reason is not null as is_low_confidence,
        explained.confidence_reason
    from explained
    left join lateral (
        select dora_tiers.*
        from dora_tiers
        where
            explained.metric_name = dora_tiers.metric_name
            and explained.metric_value >= dora_tiers.lower_bound
            and (
                dora_tiers.upper_bound is null
                or explained.metric_value < dora_tiers.upper_bound
                or (dora_tiers.is_upper_inclusive and explained.metric_value = dora_tiers.upper_bound)
            )
        order by dora_tiers.tier_rank
        limit 1
    ) as tier on true
)

select * from final
