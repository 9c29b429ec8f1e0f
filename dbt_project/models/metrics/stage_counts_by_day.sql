-- How many items stood in which stage at the end of each day: changes of one up and one down, added up over the days.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['day', 'stream_type', 'stream_id'],
    meta={'touched': 'touched_count_days', 'touched_key': 'day', 'volatile': ['revision']},
    indexes=[{'columns': ['revision']}],
    pre_hook="{{ begin_build(flow_fingerprint()) }}",
    post_hook=["{{ forget_replaced_paths() }}", "{{ end_build(unique=['(day, stream_type, stream_id)']) }}"],
) }}

with stream_list as (
    select stream_type, stream_id from {{ ref('stream_list') }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

history as materialized (
    select greatest(min(first_day), {{ first_day_of_counts() }}) as first_day
    from {{ ref('work_item_paths') }}
),

{% if is_incremental() -%}
-- Up to which day the counts stand, and what they already hold; nothing where they must be made anew.
known as materialized (
    select
        case when is_usable then last_day end as last_day,
        case when is_usable then {{ applied_revision() }} else -1 end as revision
    from (
        select
            max(counts.day) as last_day,
            {{ applied_revision() }} >= 0
            and max(counts.day) <= {{ local_date(as_of()) }}
            and min(counts.day) <= (select history.first_day from history) as is_usable
        from {{ this }} as counts
    ) as standing
),

-- What the counts hold of an item that changed is the first of the rows that were replaced since.
replaced as (
    select distinct on (ticket_id) *
    from staging.replaced_paths
    where revision > (select known.revision from known)
    order by ticket_id, revision
),

-- Of an item that did not change, a day may have come that was still to come.
signed_paths as (
    select
        delivery_stream_id,
        tech_stream_ids,
        days,
        stages,
        reached_days,
        1 as sign,
        '-infinity'::date as after_day
    from {{ ref('work_item_paths') }}
    where revision > (select known.revision from known)
    union all
    select
        delivery_stream_id,
        tech_stream_ids,
        days,
        stages,
        reached_days,
        1,
        (select known.last_day from known)
    from {{ ref('work_item_paths') }}
    where
        revision <= (select known.revision from known)
        and last_day > (select known.last_day from known)
    union all
    select
        delivery_stream_id,
        tech_stream_ids,
        days,
        stages,
        reached_days,
        -1,
        '-infinity'
    from replaced
    where (select known.last_day from known) is not null
),

paths as (
    select
        *,
        case when sign > 0 then {{ local_date(as_of()) }} else (select known.last_day from known) end as until_day
    from signed_paths
),
{%- else -%}
known as (
    select null::date as last_day
),

paths as (
    select
        *,
        1 as sign,
        '-infinity'::date as after_day,
        {{ local_date(as_of()) }} as until_day
    from {{ ref('work_item_paths') }}
),
{%- endif %}

-- On each of its days an item leaves one stage and enters another, and may come further than ever before.
moves as (
    select
        paths.delivery_stream_id,
        paths.tech_stream_ids,
        greatest(steps.day, (select history.first_day from history)) as day,
        {%- for stage in pipeline_stages() %}
        paths.sign * coalesce((steps.stage = '{{ stage }}')::integer, 0)
        - paths.sign * coalesce((steps.stage_before = '{{ stage }}')::integer, 0) as {{ stage }}_change,
        {%- endfor %}
        {%- for stage in pipeline_stages() %}
        paths.sign * coalesce((paths.reached_days[{{ loop.index }}] = steps.day)::integer, 0) as {{ stage }}_reached
        {{- ',' if not loop.last }}
        {%- endfor %}
    from paths
    cross join lateral
        unnest(paths.days, paths.stages, array[null::text] || paths.stages) as steps (day, stage, stage_before)
    where steps.day > paths.after_day and steps.day <= paths.until_day
),

{% set measures -%}
    {%- for stage in pipeline_stages() %}{{ stage }}_change,{% endfor -%}
    {%- for stage in pipeline_stages() %}{{ stage }}_reached{{ ',' if not loop.last }}{% endfor -%}
{%- endset -%}
-- Summed before an item is counted for each of its streams; what an item had before and has after adds up to nothing.
summed as (
    select
        delivery_stream_id,
        tech_stream_ids,
        day,
        {%- for measure in measures.split(',') %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from moves
    group by delivery_stream_id, tech_stream_ids, day
    having
        (
            {%- for measure in measures.split(',') %}sum({{ measure }}){{ ', ' if not loop.last }}{% endfor -%}
        )
        <> ({{ (['0'] * (2 * pipeline_stages() | length)) | join(', ') }})
),

changes as (
    select
        streams.stream_type,
        streams.stream_id,
        summed.day,
        {%- for measure in measures.split(',') %}
        sum(summed.{{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from summed
    cross join lateral (
        {{- streams_of('array_remove(array[summed.delivery_stream_id], null)', 'summed.tech_stream_ids') }}
    ) as streams
    group by streams.stream_type, streams.stream_id, summed.day
),

-- From the first day on which a count changes, or that has none yet.
days as (
    select generated::date as day
    from generate_series(
        (
            select
                case
                    when known.last_day is null then history.first_day
                    else least((select min(changes.day) from changes), known.last_day + 1)
                end
            from known
            cross join history
        )::timestamp,
        ({{ local_date(as_of()) }})::timestamp,
        interval '1 day'
    ) as generated
    where generated::date >= (select history.first_day from history)
),

added_up as (
    select
        days.day,
        stream_list.stream_type,
        stream_list.stream_id,
        {%- for measure in measures.split(',') %}
        coalesce(sum(changes.{{ measure }}) over so_far, 0) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from days
    cross join stream_list
    left join changes
        on
            days.day = changes.day
            and stream_list.stream_type = changes.stream_type
            and stream_list.stream_id = changes.stream_id
    window so_far as (partition by stream_list.stream_type, stream_list.stream_id order by days.day)
),

final as (
    select
        added_up.day,
        added_up.stream_type,
        added_up.stream_id,
        {%- for stage in pipeline_stages() %}
        (
            {{ 'coalesce(counts.' ~ stage ~ '_count, 0) + ' if is_incremental() }}added_up.{{ stage }}_change
        )::integer as {{ stage }}_count,
        {%- endfor %}
        {%- for stage in pipeline_stages() %}
        (
            {{ 'coalesce(counts.' ~ stage ~ '_reached, 0) + ' if is_incremental() }}added_up.{{ stage }}_reached
        )::integer as {{ stage }}_reached,
        {%- endfor %}
        revision.revision
    from added_up
    cross join revision
    {%- if is_incremental() %}
    cross join known
    left join {{ this }} as counts
        on
            least(added_up.day, known.last_day) = counts.day
            and added_up.stream_type = counts.stream_type
            and added_up.stream_id = counts.stream_id
            and known.last_day is not null
    {%- endif %}
)

select * from final
