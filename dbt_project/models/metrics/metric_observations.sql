-- What every metric is made of: one value, of one kind, of one thing, for one stream, on one day.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_observations',
    indexes=[{'columns': ['subject']}],
    pre_hook=["{{ begin_build(observations_fingerprint()) }}", "{{ find_touched_observations() }}"],
    post_hook=[
        "{{ keep_observation_signatures() }}",
        "{{ index_distributed_observations() }}",
        "{{ end_build(indexes=['(subject) where observed_on is null']) }}",
    ],
) }}

{#- While dbt parses, the hooks' queries are made as well: that is how it learns what they read. -#}
{%- if not execute -%}{%- do find_touched_observations() -%}{%- endif %}

with measured as (
    {%- for area in observation_areas() %}
    {{ observations_of(area) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        measured.observation,
        measured.subject,
        measured.segment,
        streams.stream_type,
        streams.stream_id,
        -- What lies in the future counts from the build that reaches it.
        case when measured.observed_at <= {{ as_of() }} then {{ local_date('measured.observed_at') }} end as observed_on,
        -- Percentiles are computed in double precision; what is summed is made exact again.
        measured.value::double precision as value,
        measured.weight::double precision as weight
    from measured
    cross join lateral (
        {{- streams_of('measured.delivery_stream_ids', 'measured.tech_stream_ids') }}
    ) as streams
)

select * from final
