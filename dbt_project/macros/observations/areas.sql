{#
  The frame of metrics.metric_observations. Each area has a file of its own here with two macros:

  <area>_observations()   selects what is observed: observation, subject, segment, observed_at, delivery_stream_ids,
                          tech_stream_ids, value, weight. A subject is a prefix, a colon and a key (`item:PAY-1`), and
                          has one row for each observation and segment. It reads only what was touched, by
                          `and_touched(prefix, key)`. It must not hold `as_of()`: an observation belongs to its own
                          instant, and the frame keeps back what lies in the future.
  touched_<area>()        selects the `subject`s to be looked at again; those that have gone must be named, too.

  An area of `compared_areas` needs no second macro: all of it is computed on each build, without being spread over
  streams, and a hash of each subject tells whether anything is different. For areas of moderate size whose sources
  do not tell what changed.

  A new metric of windows is an observation in its area's macro, a line in `metric_definitions`, and a row in the seed
  metric_catalogue. A unit test of one area overrides `observation_areas`, so that it needs no inputs of the others.
#}
{% macro observation_areas() -%}
    {{ return(['work_items', 'flow', 'pull_requests', 'deployments', 'incidents', 'defects']) }}
{%- endmacro %}

{% macro compared_areas() -%}
    {{ return(['deployments', 'incidents']) }}
{%- endmacro %}

{# Called by name, not through `context`: dbt notices when one of them changes. #}
{% macro observations_of(area) -%}
    {%- if area == 'work_items' -%}{{ work_items_observations() }}
    {%- elif area == 'flow' -%}{{ flow_observations() }}
    {%- elif area == 'pull_requests' -%}{{ pull_requests_observations() }}
    {%- elif area == 'deployments' -%}{{ deployments_observations() }}
    {%- elif area == 'incidents' -%}{{ incidents_observations() }}
    {%- elif area == 'defects' -%}{{ defects_observations() }}
    {%- endif -%}
{%- endmacro %}

{% macro touched_subjects_of(area) -%}
    {%- if area in compared_areas() -%}{{ different_subjects(area) }}
    {%- elif area == 'work_items' -%}{{ touched_completed_items() }}
    {%- elif area == 'flow' -%}{{ touched_flow() }}
    {%- elif area == 'pull_requests' -%}{{ touched_reviews() }}
    {%- elif area == 'defects' -%}{{ touched_defect_subjects() }}
    {%- endif -%}
{%- endmacro %}

{# Further condition: the subject `prefix:key` was touched. Nothing on a full build. #}
{% macro and_touched(prefix, key) -%}
    {%- if execute and is_incremental() -%}
        /* touched */ and {{ key }} in (
            select substr(touched.subject, {{ prefix | length + 2 }})
            from touched_observations as touched
            where starts_with(touched.subject, '{{ prefix }}:')
        ) /* end */
    {%- endif -%}
{%- endmacro %}

{# The same for an area of `compared_areas`, by the whole subject. #}
{% macro and_touched_subject(subject) -%}
    {%- if execute and is_incremental() -%}
        /* touched */ and {{ subject }} in (select touched.subject from touched_observations as touched) /* end */
    {%- endif -%}
{%- endmacro %}

{# For a delivery stream or none and any number of technology streams: the streams that a thing stands under. #}
{% macro streams_of(delivery_stream_ids, tech_stream_ids) %}
        select
            'all' as stream_type,
            '{{ all_streams_id() }}'::uuid as stream_id
        union all
        select distinct
            'delivery' as stream_type,
            delivery.stream_id
        from unnest({{ delivery_stream_ids }}) as delivery (stream_id)
        union all
        select distinct
            'tech' as stream_type,
            tech.stream_id
        from unnest({{ tech_stream_ids }}) as tech (stream_id)
{% endmacro %}
