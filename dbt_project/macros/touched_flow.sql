{#
  How the counts of items by day follow from what changed, without counting a million stays again.

  cycles.work_item_paths holds one row per item: on which day it went where. Before a changed row replaces one, the
  one that stood there is kept in staging.replaced_paths. metrics.stage_counts_by_day takes what stood there out of its
  counts and puts what stands there now in, then forgets the kept rows. All in the transaction of its own model, so a
  build that breaks off between the two loses nothing.
#}
{% macro keep_replaced_paths(target, given) %}
    insert into staging.replaced_paths
    (ticket_id, revision, delivery_stream_id, tech_stream_ids, days, stages, reached_days)
    select
        touched.ticket_id,
        (select {{ next_revision() }}),
        old.delivery_stream_id,
        old.tech_stream_ids,
        old.days,
        old.stages,
        old.reached_days
    from ({{ touched_work_items() }}) as touched
    left join {{ target }} as old on touched.ticket_id = old.ticket_id
    left join {{ given }} as new on touched.ticket_id = new.ticket_id
    where
        (old.ticket_id is not null or new.ticket_id is not null)
        and (old.delivery_stream_id, old.tech_stream_ids, old.days, old.stages, old.reached_days)
        is distinct from (new.delivery_stream_id, new.tech_stream_ids, new.days, new.stages, new.reached_days)
{% endmacro %}

{# Pre-hook of cycles.work_item_paths: a table that is made anew replaces nothing. #}
{% macro prepare_replaced_paths() %}
    create table if not exists staging.replaced_paths (
        ticket_id text not null,
        revision bigint not null,
        delivery_stream_id uuid,
        tech_stream_ids uuid[],
        days date[],
        stages text[],
        reached_days date[]
    );
    {%- if not is_incremental() %}
    truncate staging.replaced_paths;
    {%- endif %}
{% endmacro %}

{# Post-hook of metrics.stage_counts_by_day, before end_build. #}
{% macro forget_replaced_paths() %}
    delete from staging.replaced_paths
    where revision <= (
        select pending_revision from staging.build_state
        where model_name = '{{ this.schema }}.{{ this.identifier }}'
    )
{% endmacro %}

{# What else than tickets makes the counts wrong as a whole: other streams, or paths that were made anew. #}
{% macro flow_fingerprint() -%}
    {{ configuration_fingerprint(['delivery_streams', 'tech_streams']) }}
    || '{{ ref("work_item_paths") }}'::regclass::oid::text
{%- endmacro %}

{# The first day that the counts are kept for: as far back as the other daily tables reach. #}
{% macro first_day_of_counts() -%}
    ({{ local_date(as_of()) }} - {{ var('daily_metrics_days') | int }})
{%- endmacro %}

{# For metrics.stage_counts_by_day: the days that it gives, and those that have fallen out of what is kept. #}
{% macro touched_count_days(given) %}
    select day from {{ given }}
    union
    select day from {{ this }}
    where
        day > {{ local_date(as_of()) }}
        or day < greatest(
            {{ first_day_of_counts() }},
            coalesce((select min(first_day) from {{ ref('work_item_paths') }}), 'infinity')
        )
{% endmacro %}

{# For what is made of these counts: days on which one of them changed, and days that are no more. #}
{% macro touched_flow_days(given=none) %}
    select day from {{ ref('stage_counts_by_day') }}
    where revision > {{ applied_revision() }}
    union
    select known.day from {{ this }} as known
    where
        not exists (
            select 1 from {{ ref('stage_counts_by_day') }} as counts where counts.day = known.day
        )
{% endmacro %}

{# Where such a model reads the touched days only. #}
{% macro where_flow_day_touched() %}
    {%- if not execute or is_incremental() %}
    where day in (
        select counts.day from {{ ref('stage_counts_by_day') }} as counts
        where counts.revision > {{ applied_revision() }}
    )
    {%- endif %}
{% endmacro %}

{# For cycles.work_item_flow: tickets that were heard of, or of which a mapped field was told. #}
{% macro touched_flow_items(given=none) %}
    {{ touched_work_items() }}
    union
    select ticket_id
    from {{ ref('stg_jira__mapped_fields_latest') }}
    where revision > {{ applied_revision() }}
    union
    select known.ticket_id
    from {{ this }} as known
    where {{ applied_revision() }} < 0
{% endmacro %}

{% macro where_flow_item_touched() %}
    {%- if not execute or is_incremental() %}
    where ticket_id in (select touched.ticket_id from ({{ touched_flow_items() }}) as touched)
    {%- endif %}
{% endmacro %}

{# Holidays, what is mapped to which field, and the words by which kinds of work are recognised. #}
{% macro flow_items_fingerprint() -%}
    {{ configuration_fingerprint(['holidays', 'delivery_field_mappings']) }}
    || (select md5(string_agg(words::text, '|' order by words.rank)) from {{ ref('flow_item_types') }} as words)
{%- endmacro %}
