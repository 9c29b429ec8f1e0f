-- How many observations there were of each kind in each stream on each day, and their sums: what windows add up.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    pre_hook="{{ begin_build(observation_days_fingerprint()) }}",
    post_hook=[
        "{{ end_build(
            unique=['(observation, stream_type, stream_id, segment, observed_on)'],
            indexes=['(stream_id, observed_on)']
        ) }}",
        "{{ make_ad_hoc_function() }}",
    ],
) }}

with metric_observations as (
    select * from {{ ref('metric_observations') }}
    where observed_on is not null
),

counted as (
    select
        observation,
        stream_type,
        stream_id,
        coalesce(segment, '') as segment,
        observed_on,
        count(*) as observed_count,
        count(value) as valued_count,
        {{ exact_total() }} as total,
        {{ exact_total_weight() }} as total_weight
    from metric_observations
    {%- if is_incremental() %}
    where {{ applied_revision() }} < 0
    {%- endif %}
    group by observation, stream_type, stream_id, coalesce(segment, ''), observed_on
),
{%- if is_incremental() %}

changes as (
    select
        observation,
        stream_type,
        stream_id,
        segment,
        observed_on,
        sum(observed_count) as observed_count,
        sum(valued_count) as valued_count,
        sum(total) as total,
        sum(total_weight) as total_weight
    from staging.observation_changes
    where {{ applied_revision() }} >= 0 and revision > {{ applied_revision() }}
    group by observation, stream_type, stream_id, segment, observed_on
),

-- A day that lost its last observation is given with none, and goes.
changed as (
    select
        changes.observation,
        changes.stream_type,
        changes.stream_id,
        changes.segment,
        changes.observed_on,
        coalesce(known.observed_count, 0) + changes.observed_count as observed_count,
        coalesce(known.valued_count, 0) + changes.valued_count as valued_count,
        coalesce(known.total, 0) + changes.total as total,
        coalesce(known.total_weight, 0) + changes.total_weight as total_weight
    from changes
    left join {{ this }} as known
        on
            changes.observation = known.observation
            and changes.stream_type = known.stream_type
            and changes.stream_id = known.stream_id
            and changes.segment = known.segment
            and changes.observed_on = known.observed_on
),
{%- endif %}

final as (
    select
        observation,
        stream_type,
        stream_id,
        segment,
        observed_on,
        observed_count::integer as observed_count,
        valued_count::integer as valued_count,
        trim_scale(total) as total,
        trim_scale(total_weight) as total_weight
    from counted
    {%- if is_incremental() %}
    union all
    select
        observation,
        stream_type,
        stream_id,
        segment,
        observed_on,
        observed_count::integer,
        valued_count::integer,
        trim_scale(total),
        trim_scale(total_weight)
    from changed
    {%- endif %}
)

select * from final
