{#
  Post-hook of metric_observation_days: metrics.stream_metrics_between, the metrics of one stream over any window of up
  to 365 days, made by the macros that make the daily rows. It refers to tables by name, so it outlives their rebuilds.
  It is made again only where its text changed. It runs with the rights of whoever calls it.
#}
{% macro make_ad_hoc_function() %}
    {%- set name = this.schema ~ '.stream_metrics_between' -%}
    {%- set body -%}
#variable_conflict use_column
begin
    if stream_metrics_between.first_day is null or stream_metrics_between.last_day is null
        or stream_metrics_between.last_day < stream_metrics_between.first_day then
        raise exception 'The window must end on or after the day on which it begins: % to %',
            stream_metrics_between.first_day, stream_metrics_between.last_day
            using errcode = 'invalid_parameter_value';
    elsif stream_metrics_between.last_day - stream_metrics_between.first_day >= 365 then
        raise exception 'A window has 365 days at most; % to % has %',
            stream_metrics_between.first_day, stream_metrics_between.last_day,
            stream_metrics_between.last_day - stream_metrics_between.first_day + 1
            using errcode = 'invalid_parameter_value';
    end if;

    return query
    with series as (
        select
            days.observation,
            days.stream_type,
            days.stream_id,
            days.segment,
            min(days.observed_on) filter (where days.valued_count > 0) as first_day_with_value,
            stream_metrics_between.last_day as last_day,
            stream_metrics_between.last_day - stream_metrics_between.first_day + 1 as window_days,
            {%- for column in ['observed_count', 'valued_count', 'total', 'total_weight'] %}
            coalesce(
                sum(days.{{ column }}) filter (where days.observed_on >= stream_metrics_between.first_day), 0
            ) as {{ column }},
            {%- endfor %}
            sum(coalesce(
                sum(days.observed_count) filter (where days.observed_on >= stream_metrics_between.first_day), 0
            )) over (partition by days.observation) as all_observed_count
        from {{ this }} as days
        where
            days.stream_type = stream_metrics_between.stream_type
            and days.stream_id = stream_metrics_between.stream_id
            and days.observed_on <= stream_metrics_between.last_day
        group by days.observation, days.stream_type, days.stream_id, days.segment
    ),

    statistics as (
        select
            series.*,
            looked_up.percentiles
        from series
        left join lateral (
            {{- percentiles_between(
                ref('metric_observations'), 'series', 'stream_metrics_between.first_day', 'series.last_day'
            ) }}
        ) as looked_up
            on series.valued_count > 0 and {{ is_one_of('series.observation', distributed_observations()) }}
    )

    {{ metrics_of_statistics('statistics', []) }}
    order by definitions.metric_name, statistics.segment;
end
    {%- endset %}
    {%- set fingerprint = local_md5(body) %}
    do $make$
    declare
        role_name text;
    begin
        if obj_description(
            to_regprocedure('{{ name }}(text, uuid, date, date)'), 'pg_proc'
        ) is not distinct from '{{ fingerprint }}' then
            return;
        end if;
        drop function if exists {{ name }}(text, uuid, date, date);
        create function {{ name }}(stream_type text, stream_id uuid, first_day date, last_day date)
        returns table (
            metric_name text,
            segment text,
            percentile integer,
            metric_value numeric,
            metric_unit text,
            sample_size integer,
            excluded_count integer
        )
        language plpgsql stable parallel safe
        as $function${{ body }}$function$;
        comment on function {{ name }}(text, uuid, date, date) is '{{ fingerprint }}';
        foreach role_name in array array['dpp_app', 'dpp_analyst'] loop
            if exists (select from pg_roles where rolname = role_name) then
                execute format('grant execute on function {{ name }}(text, uuid, date, date) to %I', role_name);
            end if;
        end loop;
    end
    $make$
{% endmacro %}
