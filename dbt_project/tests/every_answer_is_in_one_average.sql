-- What people answered for a known stream is what the averages are made of. Not asserted: periods of which answers may
-- have been deleted, whose rows stay as they were.
with answered as (
    select
        delivery_stream_id,
        survey_period,
        sum(response_count) as answers
    from (
        select
            delivery_stream_id,
            survey_period,
            received_at,
            1 as response_count
        from {{ ref('pulse_responses') }}
        union all
        select
            delivery_stream_id,
            survey_period,
            received_at,
            response_count
        from {{ ref('pulse_results') }}
    ) as told
    where
        delivery_stream_id is not null
        and survey_period >= {{ first_survey_period_in_full() }}
        and received_at <= {{ as_of() }}
    group by delivery_stream_id, survey_period
),

aggregated as (
    select
        delivery_stream_id,
        survey_period,
        response_count
    from {{ ref('pulse_aggregates') }}
    where survey_period >= {{ first_survey_period_in_full() }}
)

select
    coalesce(answered.survey_period, aggregated.survey_period) as survey_period,
    answered.answers,
    aggregated.response_count
from answered
full join aggregated
    on
        answered.delivery_stream_id = aggregated.delivery_stream_id
        and answered.survey_period = aggregated.survey_period
where answered.answers is distinct from aggregated.response_count
