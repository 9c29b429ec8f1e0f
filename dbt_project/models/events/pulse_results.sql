-- Small: a row a team and month.
{{ config(
    materialized='table',
    post_hook="{{ finish_table(unique=['(survey_period, delivery_stream_id, unknown_stream) nulls not distinct']) }}",
) }}

with survey_results as (
    select *
    from {{ ref('stg_push__survey_results') }}
    where
        response_count > 0
        and pace_avg between 1 and 5
        and tooling_avg between 1 and 5
        and clarity_avg between 1 and 5
),

stream_names as (
    {{ stream_names('delivery_streams') }}
),

placed as (
    select
        survey_results.*,
        stream_names.stream_id as delivery_stream_id,
        case when stream_names.stream_id is null then {{ stream_key('survey_results.delivery_stream_value') }} end
            as unknown_stream
    from survey_results
    left join stream_names on {{ stream_key('survey_results.delivery_stream_value') }} = stream_names.name
),

-- A tool that sends a period again corrects it.
final as (
    select distinct on (survey_period, delivery_stream_id, unknown_stream)
        {{ event_id('pulse_result', ['survey_period', 'delivery_stream_id', 'unknown_stream']) }} as event_id,
        'survey'::text as source,
        delivery_stream_id,
        null::uuid as tech_stream_id,
        received_at,
        submitted_at as event_timestamp,
        survey_period,
        response_count,
        pace_avg,
        tooling_avg,
        clarity_avg,
        unknown_stream
    from placed
    order by survey_period, delivery_stream_id, unknown_stream, submitted_at desc, landing_id desc
)

select * from final
