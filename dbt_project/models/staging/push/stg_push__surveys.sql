with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where source = 'push' and event_name = 'survey'
),

final as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        survey.survey_period,
        survey.delivery_stream as delivery_stream_value,
        survey.respondent_hash,
        {{ safe_count('survey.pace_score') }} as pace_score,
        {{ safe_count('survey.tooling_score') }} as tooling_score,
        {{ safe_count('survey.clarity_score') }} as clarity_score,
        survey.free_text,
        coalesce({{ safe_timestamp('survey.submitted_at') }}, deliveries.received_at) as submitted_at
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as survey (
                survey_period text, delivery_stream text, respondent_hash text, pace_score text, tooling_score text,
                clarity_score text, free_text text, submitted_at text
            )
    where survey.survey_period is not null and survey.respondent_hash is not null
)

select * from final
