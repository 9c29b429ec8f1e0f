{#
  What each incremental model has already seen, so that what arrived since decides what is rebuilt.

  Staging tables and ledgers carry `revision`, drawn from one sequence for each build that writes them.
  An incremental model reads the keys whose upstream revision is above its own applied one. Before it runs,
  the highest revision and the fingerprint of the configuration are noted as pending, in its transaction;
  after it has run they become the applied ones. What arrives in between is above the noted
  revision and is read by the next build, so nothing is missed. Where the configuration changed, all is read again.
#}
{% macro create_build_state() %}
    {% if execute %}
        {% do run_query(
            "create schema if not exists staging;"
            ~ "create sequence if not exists staging.build_revision;"
            ~ "create table if not exists staging.build_state ("
            ~ "model_name text primary key, applied_revision bigint not null default 0, applied_fingerprint text, "
            ~ "pending_revision bigint not null default 0, pending_fingerprint text);"
            ~ "alter table staging.build_state add column if not exists statement_fingerprint text; commit;"
        ) %}
    {% endif %}
    select 1
{% endmacro %}

{# The revision that this build writes into rows; use it once in a model, in a CTE of its own. #}
{% macro next_revision() -%}
    nextval('staging.build_revision')
{%- endmacro %}

{# Pre-hook: note what will have been read. `fingerprint` is a SQL expression, see configuration_fingerprint. #}
{% macro begin_build(fingerprint="''") %}
    insert into staging.build_state as state (model_name, pending_revision, pending_fingerprint)
    select '{{ this.schema }}.{{ this.identifier }}', last_value, {{ fingerprint }}
    from staging.build_revision
    on conflict (model_name) do update
    set pending_revision = excluded.pending_revision, pending_fingerprint = excluded.pending_fingerprint;
    -- To the end of the transaction, see applied_revision.
    select
        set_config(
            'delivery_performance.applied_revision',
            (case when applied_fingerprint = pending_fingerprint then applied_revision else -1 end)::text,
            true
        )
    from staging.build_state
    where model_name = '{{ this.schema }}.{{ this.identifier }}'
{% endmacro %}

{#
  Post-hook: what was noted is now applied.

  `indexes` holds what dbt's own index settings cannot say (NULLS NOT DISTINCT, partial indexes), as the text after
  the table's name. An index is named after the table's oid, so a rebuilt table gets its own. A table that was never
  analysed is analysed: the models behind it in the same run would be planned for an empty one.
#}
{% macro end_build(unique=[], indexes=[]) %}
    update staging.build_state
    set applied_revision = pending_revision, applied_fingerprint = pending_fingerprint
    where model_name = '{{ this.schema }}.{{ this.identifier }}';
    {{ finish_table(unique, indexes) }}
{% endmacro %}

{% macro finish_table(unique=[], indexes=[]) %}
    do $finish$
    declare
        table_id oid := '{{ this }}'::regclass;
    begin
        {% for definition in unique %}
        execute format(
            'create unique index if not exists %I on {{ this }} {{ definition }}',
            'key_' || table_id || '_{{ loop.index }}'
        );
        {% endfor %}
        {% for definition in indexes %}
        execute format(
            'create index if not exists %I on {{ this }} {{ definition }}',
            'ix_' || table_id || '_{{ loop.index }}'
        );
        {% endfor %}
        if not exists (
            select 1 from pg_stats where schemaname = '{{ this.schema }}' and tablename = '{{ this.identifier }}'
        ) then
            -- A small sample serves the plans of this run; the server takes its own, larger one in its time.
            set local default_statistics_target = 25;
            analyze {{ this }};
            reset default_statistics_target;
        end if;
    end
    $finish$
{% endmacro %}

{#
  The revision above which upstream rows are new to this model; -1, so everything, where the configuration changed or
  nothing was ever built. A setting of the transaction and no subquery: the planner reads it, so it sees that a few of
  a million rows are new and looks them up, where it would otherwise expect a third and read every table.
#}
{% macro applied_revision() -%}
    coalesce(nullif(current_setting('delivery_performance.applied_revision', true), ''), '-1')::bigint
{%- endmacro %}
