{#
  Business time as a position on one clock that stands still on weekends and holidays
  (staging.business_calendar holds its state at each midnight). A duration is a difference of two positions,
  so parts add up to the whole, and an interval within a weekend is 0. The caller joins the calendar:
  `join business_calendar on business_calendar.day = local_date(instant)`.
#}

{# Seconds on the business clock at an instant, given its row of the calendar. #}
{% macro business_clock(instant, calendar='business_calendar') -%}
    ({{ calendar }}.business_seconds_before
        + case
            when {{ calendar }}.is_business_day
            then extract(epoch from {{ instant }} - {{ calendar }}.starts_at)::double precision
            else 0
        end)
{%- endmacro %}

{# Business days between two positions of the clock; a day is 24 hours of business time. #}
{% macro business_days(started, ended) -%}
    trim_scale(round((({{ ended }}) - ({{ started }}))::numeric / 86400, 6))
{%- endmacro %}

{# Rows of a calendar from one day to another; `holidays` is a relation with holiday_date. #}
{% macro business_calendar_rows(first_day, last_day, holidays, timezone=none) %}
    with days as (
        select
            generated::date as day,
            {{ day_starts_at('generated::date', timezone) }} as starts_at,
            {{ day_starts_at("generated::date + 1", timezone) }} as ends_at
        from generate_series('{{ first_day }}'::timestamp, '{{ last_day }}'::timestamp, interval '1 day') as generated
    ),

    marked as (
        select
            days.day,
            days.starts_at,
            days.ends_at,
            extract(isodow from days.day) < 6 and holidays.holiday_date is null as is_business_day
        from days
        left join {{ holidays }} as holidays on days.day = holidays.holiday_date
    )

    select
        day,
        is_business_day,
        starts_at,
        coalesce(
            sum(case when is_business_day then extract(epoch from ends_at - starts_at)::double precision else 0 end)
                over (order by day rows between unbounded preceding and 1 preceding),
            0
        ) as business_seconds_before
    from marked
{% endmacro %}
