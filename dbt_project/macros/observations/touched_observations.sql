{# Tables of the frame itself: what was written last time, and what has changed since. #}
{% macro create_observation_state() %}
    create table if not exists staging.observation_signatures (
        subject text primary key, area text not null, signature bigint not null
    );
    create table if not exists staging.observation_changes (
        revision bigint not null,
        observation text not null,
        segment text not null,
        stream_type text not null,
        stream_id uuid not null,
        observed_on date not null,
        observed_count bigint not null,
        valued_count bigint not null,
        total numeric not null,
        total_weight numeric not null
    );
{% endmacro %}

{#
  Pre-hook of metric_observations: the subjects to be looked at again, in the table touched_observations of this
  transaction. A full build looks at all.
#}
{% macro find_touched_observations() %}
    {{- create_observation_state() }}
    create temporary table observation_signatures_now on commit drop as
    {%- for area in compared_areas() %}
    {{ signatures_of(area) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %};
    analyze observation_signatures_now;
    {%- if not execute or is_incremental() %}
    create temporary table touched_observations on commit drop as
    {%- for area in observation_areas() %}
    {{ touched_subjects_of(area) }}
    union
    {%- endfor %}
    -- All where a definition or the configuration changed, and those whose time may have come.
    select subject
    from {{ this }}
    where {{ applied_revision() }} < 0 or observed_on is null;
    analyze touched_observations
    {%- endif %}
{% endmacro %}

{# One number for all that is observed of a subject: it differs where anything differs. #}
{% macro signatures_of(area) %}
    select
        '{{ area }}' as area,
        observed.subject,
        bit_xor(hashtextextended(observed::text, 0)) as signature
    from (
        select
            observation, subject, segment, {{ microseconds('observed_at') }}, delivery_stream_ids, tech_stream_ids,
            value, weight
        from ({{ without_touched(observations_of(area)) }}) as observations
    ) as observed
    group by observed.subject
{% endmacro %}

{% macro different_subjects(area) %}
    select coalesce(now.subject, known.subject) as subject
    from (select * from observation_signatures_now where area = '{{ area }}') as now
    full join (select * from staging.observation_signatures where area = '{{ area }}') as known
        on now.subject = known.subject
    where now.signature is distinct from known.signature
{% endmacro %}

{# Post-hook: what was written is what the next build compares with. #}
{% macro keep_observation_signatures() %}
    delete from staging.observation_signatures as known
    where
        not exists (
            select 1
            from observation_signatures_now as now
            where now.subject = known.subject and now.area = known.area and now.signature = known.signature
        );
    insert into staging.observation_signatures (area, subject, signature)
    select now.area, now.subject, now.signature
    from observation_signatures_now as now
    on conflict (subject) do nothing
{% endmacro %}

{# An area's query without its conditions of `and_touched`. #}
{% macro without_touched(query) -%}
    {{ modules.re.sub('(?s)/\\* touched \\*/.*?/\\* end \\*/', '', query) }}
{%- endmacro %}

{# Changes with the text of any observation, so that a new one is computed for the past as well. #}
{% macro observations_fingerprint() -%}
    {%- set texts = [] -%}
    {%- if execute -%}
        {%- for area in observation_areas() -%}
            {%- do texts.append(without_touched(observations_of(area)).split() | join(' ')) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ configuration_fingerprint(
        ['holidays', 'status_mappings', 'delivery_streams', 'tech_streams', 'jira_projects', 'repositories', 'bots']
    ) }} || '{{ local_md5(texts | join(";")) }}'
{%- endmacro %}

{#
  Incremental strategy of metric_observations: of the touched subjects, rows that are no longer given are deleted, new
  and different ones inserted, equal ones left alone. What that adds to and takes from each day is noted with a
  revision in staging.observation_changes, from which metric_observation_days and daily_stream_metrics are kept.
#}
{% macro get_incremental_replace_observations_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set given = arg_dict['temp_relation'] -%}
    {%- set names = arg_dict['dest_columns'] | map(attribute='name') | join(', ') -%}
    {%- set same %}
            old.subject = new.subject
            and old.observation = new.observation
            and old.stream_type = new.stream_type
            and old.stream_id = new.stream_id
            and (old.segment, old.observed_on, old.value, old.weight)
            is not distinct from (new.segment, new.observed_on, new.value, new.weight)
    {%- endset %}

    with deleted as (
        delete from {{ target }} as old
        using (select distinct subject from touched_observations) as touched
        where old.subject = touched.subject and not exists (select 1 from {{ given }} as new where {{ same }})
        returning old.*
    )
    {{ note_observation_changes('deleted', -1) }};

    with inserted as (
        insert into {{ target }} ({{ names }})
        select {% for name in arg_dict['dest_columns'] | map(attribute='name') %}new.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ given }} as new
        where not exists (select 1 from {{ target }} as old where {{ same }})
        -- Sorted, so that all is found before the first row is written: into a table that was empty when it was last
        -- analysed, a nested loop would look through what it has just inserted.
        order by new.subject
        returning *
    )
    {{ note_observation_changes('inserted', 1) }}
{% endmacro %}

{% macro note_observation_changes(rows, sign) %}
    insert into staging.observation_changes
    select
        (select {{ next_revision() }}),
        observation,
        coalesce(segment, ''),
        stream_type,
        stream_id,
        observed_on,
        {{ sign }} * count(*),
        {{ sign }} * count(value),
        {{ sign }} * {{ exact_total() }},
        {{ sign }} * {{ exact_total_weight() }}
    from {{ rows }}
    where observed_on is not null
    group by observation, segment, stream_type, stream_id, observed_on
{% endmacro %}

{# Sums are exact, so that neither the order of rows nor the way of adding them up shows in a metric. #}
{% macro exact_total() -%}
    coalesce(sum(value::numeric) filter (where observation in ('{{ summed_observations() | join("', '") }}')), 0)
{%- endmacro %}

{% macro exact_total_weight() -%}
    coalesce(sum(weight::numeric) filter (where value is not null), 0)
{%- endmacro %}
