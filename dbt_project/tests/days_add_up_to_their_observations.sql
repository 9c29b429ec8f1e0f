-- Count in, count out: the days, kept by what is added and taken, hold exactly what the observations say.
with observations as (
    select
        observation,
        stream_type,
        stream_id,
        count(*) as observed_count,
        count(value) as valued_count
    from {{ ref('metric_observations') }}
    where observed_on is not null
    group by observation, stream_type, stream_id
),

days as (
    select
        observation,
        stream_type,
        stream_id,
        sum(observed_count) as observed_count,
        sum(valued_count) as valued_count
    from {{ ref('metric_observation_days') }}
    group by observation, stream_type, stream_id
)

select *
from observations
full outer join days using (observation, stream_type, stream_id)
where
    observations.observed_count is distinct from days.observed_count
    or observations.valued_count is distinct from days.valued_count
