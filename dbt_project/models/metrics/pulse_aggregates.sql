-- A full refresh keeps the table, since the answers behind its older rows have been deleted.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    full_refresh=false,
    unique_key=['delivery_stream_id', 'survey_period'],
    meta={'touched': 'touched_survey_periods', 'touched_key': 'survey_period', 'volatile': ['computed_at']},
    post_hook="{{ finish_table(unique=['(delivery_stream_id, survey_period)']) }}",
) }}

with pulse_responses as (
    select *
    from {{ ref('pulse_responses') }}
    where
        delivery_stream_id is not null
        and received_at <= {{ as_of() }}
        {%- if not execute or is_incremental() %}
        and (
            survey_period >= {{ first_survey_period_in_full() }}
            or survey_period not in (select kept.survey_period from {{ this }} as kept)
        )
        {%- endif %}
),

delivery_streams as (
    select * from {{ source('config', 'delivery_streams') }}
),

answered as (
    select
        delivery_stream_id,
        survey_period,
        count(*)::integer as response_count,
        {{ pulse_mean('pace_score') }} as pace_avg,
        {{ pulse_mean('tooling_score') }} as tooling_avg,
        {{ pulse_mean('clarity_score') }} as clarity_avg
    from pulse_responses
    group by delivery_stream_id, survey_period
),

known as (
    select *, true as is_new
    from answered
    {%- if execute and is_incremental() %}
    union all
    select delivery_stream_id, survey_period, response_count, pace_avg, tooling_avg, clarity_avg, false
    from {{ this }}
    where survey_period not in (select answered.survey_period from answered)
    {%- endif %}
),

compared as (
    select
        *,
        lag(survey_period) over periods as previous_period,
        pace_avg - lag(pace_avg) over periods as pace_trend,
        tooling_avg - lag(tooling_avg) over periods as tooling_trend,
        clarity_avg - lag(clarity_avg) over periods as clarity_trend
    from known
    window periods as (partition by delivery_stream_id order by survey_period)
),

final as (
    select
        {{ event_id('pulse_aggregate', ['compared.delivery_stream_id', 'compared.survey_period']) }} as aggregate_id,
        compared.delivery_stream_id,
        compared.survey_period,
        compared.response_count,
        delivery_streams.team_size,
        round(100.0 * compared.response_count / nullif(delivery_streams.team_size, 0), 2) as response_rate_pct,
        compared.pace_avg,
        compared.pace_trend,
        compared.tooling_avg,
        compared.tooling_trend,
        compared.clarity_avg,
        compared.clarity_trend,
        round((compared.pace_avg + compared.tooling_avg + compared.clarity_avg) / 3, 4) as overall_avg,
        compared.previous_period,
        compared.pace_avg is null as is_suppressed,
        case
            when compared.pace_avg is null
                then
                    compared.response_count || ' of the ' || {{ var('pulse_minimum_responses') }}
                    || ' answers that averages need'
        end as suppression_reason,
        {{ as_of() }} as computed_at
    from compared
    inner join delivery_streams on compared.delivery_stream_id = delivery_streams.stream_id
    where compared.is_new
)

select * from final
