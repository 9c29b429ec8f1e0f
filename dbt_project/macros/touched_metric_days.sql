{# The days that daily_stream_metrics keeps: from `first` to `last`. #}
{% macro last_metric_day() -%}
    {{ local_date(as_of()) }}
{%- endmacro %}

{% macro first_metric_day() -%}
    ({{ last_metric_day() }} - {{ var('daily_metrics_days') | int }})
{%- endmacro %}

{#
  Each day of each sprint with the first day of that sprint, the window `sprint` of its delivery stream. Of two sprints
  at once the one that began later counts.
#}
{% macro sprint_windows() %}
    select distinct on (sprints.delivery_stream_id, days.day)
        sprints.delivery_stream_id as stream_id,
        days.day::date as metric_date,
        sprints.start_date as window_start
    from {{ source('config', 'sprints') }} as sprints
    cross join generate_series(
        greatest(sprints.start_date, {{ first_metric_day() }})::timestamp,
        least(sprints.end_date, {{ last_metric_day() }})::timestamp,
        interval '1 day'
    ) as days (day)
    where sprints.delivery_stream_id is not null
    order by sprints.delivery_stream_id, days.day, sprints.start_date desc
{% endmacro %}

{#
  Pre-hook of daily_stream_metrics: which days of which observations of which streams must be computed again, in the
  table touched_metric_days of this transaction. On an incremental build these are
  - days whose windows hold a day that changed,
  - days that `as_of` has reached since the last build,
  - days of a sprint that began, ended or was moved,
  - all days of a stream's observation where its first day, or the first with a value, may be another one now,
  - all days of all, where the definitions changed or the observations were built anew.
#}
{% macro find_touched_metric_days() %}
    create table if not exists staging.sprint_windows_applied (
        stream_id uuid not null,
        metric_date date not null,
        window_start date not null
    );
    create temporary table sprint_windows_now on commit drop as
    {{ sprint_windows() }};
    analyze sprint_windows_now;
    {%- if execute and is_incremental() %}
    create temporary table touched_metric_days on commit drop as
    with series as (
        select
            observation,
            stream_type,
            stream_id,
            segment,
            min(observed_on) filter (where valued_count > 0) as first_day_with_value
        from {{ ref('metric_observation_days') }}
        group by observation, stream_type, stream_id, segment
    ),

    changes as (
        select distinct
            observation,
            stream_type,
            stream_id,
            segment,
            observed_on
        from staging.observation_changes
        where revision > {{ applied_revision() }}
    ),

    ranges as (
        select
            series.observation,
            series.stream_type,
            series.stream_id,
            daterange(
                case
                    when {{ applied_revision() }} < 0 then {{ first_metric_day() }}
                    else greatest({{ first_metric_day() }}, built.last_day + 1)
                end,
                {{ last_metric_day() }},
                '[]'
            ) as days
        from series
        cross join (select max(metric_date) as last_day from {{ this }}) as built
        where {{ applied_revision() }} < 0 or built.last_day is null or built.last_day < {{ last_metric_day() }}
        union all
        select
            changes.observation,
            changes.stream_type,
            changes.stream_id,
            case
                when changes.observed_on > series.first_day_with_value
                    then daterange(
                        changes.observed_on,
                        greatest(changes.observed_on + {{ (windows() | max) - 1 }}, sprint.last_day),
                        '[]'
                    )
                else daterange({{ first_metric_day() }}, {{ last_metric_day() }}, '[]')
            end
            * daterange({{ first_metric_day() }}, {{ last_metric_day() }}, '[]')
        from changes
        left join series
            on
                changes.observation = series.observation
                and changes.stream_type = series.stream_type
                and changes.stream_id = series.stream_id
                and changes.segment = series.segment
        left join lateral (
            select max(later.metric_date) as last_day
            from sprint_windows_now as at_the_time
            inner join sprint_windows_now as later
                on at_the_time.stream_id = later.stream_id and at_the_time.window_start = later.window_start
            where at_the_time.stream_id = changes.stream_id and at_the_time.metric_date = changes.observed_on
        ) as sprint on true
        union all
        select
            series.observation,
            series.stream_type,
            series.stream_id,
            daterange(moved.metric_date, moved.metric_date, '[]')
        from (
            (select * from sprint_windows_now except select * from staging.sprint_windows_applied)
            union
            (select * from staging.sprint_windows_applied except select * from sprint_windows_now)
        ) as moved
        inner join series on moved.stream_id = series.stream_id and series.stream_type = 'delivery'
        where moved.metric_date between {{ first_metric_day() }} and {{ last_metric_day() }}
    ),

    merged as (
        select
            observation,
            stream_type,
            stream_id,
            unnest(range_agg(days)) as days
        from ranges
        where not isempty(days)
        group by observation, stream_type, stream_id
    )

    select
        merged.observation,
        merged.stream_type,
        merged.stream_id,
        generated.day::date as metric_date
    from merged
    cross join generate_series(
        lower(merged.days)::timestamp, upper(merged.days)::timestamp - interval '1 day', interval '1 day'
    ) as generated (day);
    analyze touched_metric_days
    {%- endif %}
{% endmacro %}

{# Post-hook: these sprints are in the table now, and what was read of the changes is no longer needed. #}
{% macro keep_sprint_windows() %}
    delete from staging.sprint_windows_applied;
    insert into staging.sprint_windows_applied (stream_id, metric_date, window_start)
    select stream_id, metric_date, window_start
    from sprint_windows_now
{% endmacro %}

{% macro forget_applied_changes() %}
    delete from staging.observation_changes
    where
        revision <= (
            select min(applied_revision)
            from staging.build_state
            where
                model_name in (
                    '{{ this.schema }}.{{ this.identifier }}',
                    '{{ ref("metric_observation_days").schema }}.{{ ref("metric_observation_days").identifier }}'
                )
        )
{% endmacro %}

{# All is computed anew where the observations were built anew, a metric is defined in another way, or more days are kept. #}
{% macro daily_metrics_fingerprint() -%}
    {%- if execute -%}
        {{ configuration_fingerprint(['delivery_streams', 'tech_streams']) }}
        || '{{ ref("metric_observations") }}'::regclass::oid
        || '{{ local_md5((metric_definitions() | string) ~ windows() ~ var("daily_metrics_days") ~ var("timezone")) }}'
    {%- else -%}
        '{{ ref("metric_observations") }}'
    {%- endif -%}
{%- endmacro %}

{#
  Incremental strategy of daily_stream_metrics: of the touched days, and of the state metrics, most of which are given whole,
  rows that are no longer given are deleted, new and different ones inserted, equal ones left alone with the instant at
  which they were computed. What lies outside the days that are kept goes.
#}
{% macro get_incremental_replace_metric_days_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set given = arg_dict['temp_relation'] -%}
    {%- set names = arg_dict['dest_columns'] | map(attribute='name') | list -%}
    {%- set compared = names | reject('equalto', 'computed_at') | list -%}
    create index on {{ given }} (metric_id);
    analyze {{ given }};

    delete from {{ target }}
    where metric_date < {{ first_metric_day() }} or metric_date > {{ last_metric_day() }};

    delete from {{ target }} as old
    using touched_metric_days as touched, ({{ metric_definition_rows() }}) as definitions
    where
        touched.observation = definitions.observation
        and old.stream_id = touched.stream_id
        and old.metric_name = definitions.metric_name
        and old.metric_date = touched.metric_date
        and old.stream_type = touched.stream_type
        and {{ is_not_given(given, compared) }};

    -- A metric that is no longer defined, or belongs to a stream that is no longer counted.
    delete from {{ target }} as old
    where
        (
            {{ applied_revision() }} < 0
            or old.window_name = 'day' and not {{ is_one_of('old.metric_name', state_metrics_kept_by_day()) }}
        )
        and {{ is_not_given(given, compared) }};

    delete from {{ target }} as old
    using {{ ref('stage_counts_by_day') }} as touched
    where
        touched.revision > {{ applied_revision() }}
        and old.stream_id = touched.stream_id
        and {{ is_one_of('old.metric_name', state_metrics_kept_by_day()) }}
        and old.metric_date = touched.day
        and old.stream_type = touched.stream_type
        and {{ is_not_given(given, compared) }};

    insert into {{ target }} ({{ names | join(', ') }})
    select {% for name in names %}new.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ given }} as new
    on conflict (metric_id) do nothing
{% endmacro %}

{% macro is_not_given(given, compared) %}
        not exists (
            select 1
            from {{ given }} as new
            where
                new.metric_id = old.metric_id
                and ({% for name in compared %}new.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
                is not distinct from ({% for name in compared %}old.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
        )
{%- endmacro %}
