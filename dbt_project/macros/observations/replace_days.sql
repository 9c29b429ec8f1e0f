{# A full build of the observations starts the days anew, and so does another choice of what is summed. #}
{% macro observation_days_fingerprint() -%}
    {%- if execute -%}
        '{{ ref("metric_observations") }}'::regclass::oid || '{{ summed_observations() | join(" ") }}'
    {%- else -%}
        '{{ ref("metric_observations") }}'
    {%- endif -%}
{%- endmacro %}

{#
  Incremental strategy of metric_observation_days: given are all days that changed, those without any observation left
  among them; or all days there are, where everything was computed anew.
#}
{% macro get_incremental_replace_days_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set given = arg_dict['temp_relation'] -%}
    {%- set names = arg_dict['dest_columns'] | map(attribute='name') | join(', ') -%}
    {%- set key = '(observation, stream_type, stream_id, segment, observed_on)' -%}
    delete from {{ target }} as old
    where
        ({{ applied_revision() }} < 0 or {{ key }} in (select {{ key[1:-1] }} from {{ given }}))
        and not exists (
            select 1
            from {{ given }} as new
            where
                new.observation = old.observation
                and new.stream_type = old.stream_type
                and new.stream_id = old.stream_id
                and new.segment = old.segment
                and new.observed_on = old.observed_on
                and new.observed_count = old.observed_count
                and new.valued_count = old.valued_count
                and new.total = old.total
                and new.total_weight = old.total_weight
        );

    insert into {{ target }} ({{ names }})
    select {{ names }}
    from {{ given }}
    where observed_count > 0
    on conflict {{ key }} do nothing
{% endmacro %}
