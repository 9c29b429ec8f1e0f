with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where source = 'push' and event_name = 'survey_result'
),

final as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        result.survey_period,
        result.delivery_stream as delivery_stream_value,
        {{ safe_count('result.response_count') }} as response_count,
        {{ safe_number('result.pace_avg') }} as pace_avg,
        {{ safe_number('result.tooling_avg') }} as tooling_avg,
        {{ safe_number('result.clarity_avg') }} as clarity_avg,
        coalesce({{ safe_timestamp('result.submitted_at') }}, deliveries.received_at) as submitted_at
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as result (
                survey_period text, delivery_stream text, response_count text, pace_avg text, tooling_avg text,
                clarity_avg text, submitted_at text
            )
    where result.survey_period is not null and result.delivery_stream is not null
)

select * from final
