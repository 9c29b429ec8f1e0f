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

select
    observations.*,
    days.observed_count as observed_count_of_days,
    days.valued_count as valued_count_of_days
from observations
full outer join days
    on
        observations.observation = days.observation
        and observations.stream_type = days.stream_type
        and observations.stream_id = days.stream_id
where
    observations.observed_count is distinct from days.observed_count
    or observations.valued_count is distinct from days.valued_count
