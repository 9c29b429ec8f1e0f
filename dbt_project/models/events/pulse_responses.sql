-- Small (a row a person and month) and built whole, so that an answer that was deleted in the inbox is gone here too.
{{ config(
    materialized='table',
    post_hook="{{ finish_table(unique=[
        '(survey_period, respondent_hash, delivery_stream_id, unknown_stream) nulls not distinct'
    ]) }}",
) }}

with surveys as (
    select *
    from {{ ref('stg_push__surveys') }}
    where pace_score between 1 and 5 and tooling_score between 1 and 5 and clarity_score between 1 and 5
),

stream_names as (
    {{ stream_names('delivery_streams') }}
),

placed as (
    select
        surveys.*,
        stream_names.stream_id as delivery_stream_id,
        case when stream_names.stream_id is null then {{ stream_key('surveys.delivery_stream_value') }} end
            as unknown_stream
    from surveys
    left join stream_names on {{ stream_key('surveys.delivery_stream_value') }} = stream_names.name
),

-- Who answers again has changed their mind: the newest answer counts.
final as (
    select distinct on (survey_period, respondent_hash, delivery_stream_id, unknown_stream)
        {{ event_id('pulse', ['survey_period', 'respondent_hash', 'delivery_stream_id', 'unknown_stream']) }} as event_id,
        'survey'::text as source,
        delivery_stream_id,
        null::uuid as tech_stream_id,
        received_at,
        submitted_at as event_timestamp,
        survey_period,
        respondent_hash,
        pace_score,
        tooling_score,
        clarity_score,
        free_text,
        unknown_stream
    from placed
    order by
        survey_period, respondent_hash, delivery_stream_id, unknown_stream, submitted_at desc, landing_id desc
)

select * from final
