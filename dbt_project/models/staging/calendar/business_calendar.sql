{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='day',
    contract={'enforced': true},
    indexes=[{'columns': ['day'], 'unique': true}],
    pre_hook="{{ begin_build(configuration_fingerprint(['holidays'])) }}",
    post_hook="{{ end_build() }}",
) }}

-- A century, so that no date that Jira could hold falls off it; written again only when the holidays
-- or the time zone change.
with calendar as (
    {{ business_calendar_rows('1970-01-01', '2069-12-31', source('config', 'holidays')) }}
),

final as (
    select *
    from calendar
    {% if is_incremental() %}
    where {{ applied_revision() }} < 0
    {% endif %}
)

select * from final
