{#
  dbt's `incremental`, with a short way for a table that is built as it was the last time.

  dbt looks up the columns of both tables several times at each build, widens types, asks for the columns of the
  statement where a contract is enforced: more time than an increment of a few rows takes in the database. All that
  can only find something where the statement, or a table that it reads, is another than before. So both are noted
  (staging.build_state), and as long as the columns are the same a build is one script: hooks, the statement into a
  temporary table, the strategy. The script is written to dbt's `run` folder: whoever runs it again, with the instant
  to build for replaced, does what dbt would have done.
#}
{% materialization incremental, adapter='postgres' %}
    {%- set shape = statement_shape(sql) -%}
    {%- if shape.columns is none or should_full_refresh() -%}
        {%- set built = dbt.materialization_incremental_default() -%}
        {%- do remember_statement(shape.fingerprint) -%}
        {{ return(built) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set given = make_temp_relation(target) -%}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
    {%- do run_script(
        "create temporary table " ~ given ~ " on commit drop as (\n" ~ sql ~ "\n);\n"
        ~ strategy({
            'target_relation': target,
            'temp_relation': given,
            'unique_key': config.get('unique_key'),
            'dest_columns': shape.columns,
            'incremental_predicates': none,
        })
    ) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#
  dbt's `table`, with the same short way: of a table that is there only the rows that differ are replaced, so readers
  see one state or the other and never wait, and views on it stay.
#}
{% materialization table, adapter='postgres' %}
    {%- set shape = statement_shape(sql) -%}
    {%- if shape.columns is none or should_full_refresh() -%}
        {%- set built = dbt.materialization_table_default() -%}
        {%- do remember_statement(shape.fingerprint) -%}
        {{ return(built) }}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set given = make_temp_relation(target) -%}
    {%- set names = shape.columns | map(attribute='name') | join(', ') -%}
    {%- do run_script(
        "create temporary table " ~ given ~ " on commit drop as (\n" ~ sql ~ "\n);\n"
        ~ "delete from " ~ target ~ " as old where not exists (select from " ~ given ~ " as new"
        ~ " where row(" ~ prefixed(shape.columns, 'new') ~ ")::text = row(" ~ prefixed(shape.columns, 'old') ~ ")::text);\n"
        ~ "insert into " ~ target ~ " (" ~ names ~ ") select " ~ names ~ " from " ~ given ~ " as new"
        ~ " where not exists (select from " ~ target ~ " as old"
        ~ " where row(" ~ prefixed(shape.columns, 'new') ~ ")::text = row(" ~ prefixed(shape.columns, 'old') ~ ")::text)"
    ) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% macro prefixed(columns, alias) -%}
    {%- for column in columns %}{{ alias }}.{{ column.name }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{#
  What decides whether the short way is open. `fingerprint`: of the statement, the instant to build for left out, and
  of the columns of the tables that it reads. `columns`: those of the model's table, in their order, where a statement
  of this fingerprint is known to give just these; none where dbt's own way must be gone.
#}
{% macro statement_shape(statement) %}
    {%- set name = this.schema ~ '.' ~ this.identifier -%}
    {%- set parents = [] -%}
    {%- for unique_id in model.depends_on.nodes -%}
        {%- set node = graph.nodes.get(unique_id) or graph.sources.get(unique_id) -%}
        {%- if node and node.resource_type in ('model', 'seed', 'source') -%}
            {%- do parents.append("('" ~ node.schema ~ '.' ~ (node.identifier or node.alias) ~ "')") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set found = run_query(
        "with parent (name) as (values " ~ (parents or ["('')"]) | join(', ') ~ "),"
        ~ " fingerprint as (select md5(concat_ws('|', '" ~ local_md5(statement | replace(as_of(), '')) ~ "', string_agg("
        ~ "parent.name || '.' || attribute.attname || ' ' || attribute.atttypid::regtype, '|'"
        ~ " order by parent.name collate \"C\", attribute.attnum))) as value"
        ~ " from parent inner join pg_catalog.pg_attribute as attribute on attribute.attrelid = to_regclass(parent.name)"
        ~ " where attribute.attnum > 0 and not attribute.attisdropped)"
        ~ " select fingerprint.value, coalesce(state.statement_fingerprint = fingerprint.value, false), attribute.attname"
        ~ " from fingerprint"
        ~ " left join staging.build_state as state on state.model_name = '" ~ name ~ "'"
        ~ " left join pg_catalog.pg_class as known on known.oid = to_regclass('" ~ name ~ "') and known.relkind = 'r'"
        ~ " left join pg_catalog.pg_attribute as attribute on attribute.attrelid = known.oid"
        ~ " and attribute.attnum > 0 and not attribute.attisdropped"
        ~ " order by attribute.attnum"
    ) -%}
    {%- set columns = [] -%}
    {%- for row in found.rows if row[2] is not none -%}
        {%- do columns.append({'name': row[2]}) -%}
    {%- endfor -%}
    {%- set fingerprint = found.rows[0][0] -%}
    {%- set is_known = found.rows[0][1] -%}
    {%- if columns and not is_known and not should_full_refresh() and gives_same_columns(statement) -%}
        {%- do remember_statement(fingerprint) -%}
        {%- set is_known = true -%}
    {%- endif -%}
    {{ return({'fingerprint': fingerprint, 'columns': columns if columns and is_known else none}) }}
{% endmacro %}

{# Whether a statement gives the columns, by name and type, that the model's table has. Nothing of the trial stays. #}
{% macro gives_same_columns(statement) %}
    {%- set probe = this.identifier ~ '__shape' -%}
    {%- set columns_of -%}
        (select array_agg((attname, atttypid, atttypmod)::text order by attname) from pg_catalog.pg_attribute
        where attnum > 0 and not attisdropped and attrelid =
    {%- endset -%}
    {%- set found = run_query(
        rendered_hooks(pre_hooks)
        ~ "create temporary table " ~ probe ~ " as select * from (\n" ~ statement ~ "\n) as given limit 0;"
        ~ " select " ~ columns_of ~ " 'pg_temp." ~ probe ~ "'::regclass) is not distinct from "
        ~ columns_of ~ " '" ~ this ~ "'::regclass)"
    ) -%}
    {%- do run_query("rollback") -%}
    {{ return(found.rows[0][0]) }}
{% endmacro %}

{# The table stands as this statement made it. #}
{% macro remember_statement(fingerprint) %}
    {%- do run_query(
        "insert into staging.build_state (model_name, statement_fingerprint) values ('"
        ~ this.schema ~ '.' ~ this.identifier ~ "', '" ~ fingerprint ~ "')"
        ~ " on conflict (model_name) do update set statement_fingerprint = excluded.statement_fingerprint; commit"
    ) -%}
{% endmacro %}

{# Hooks and statements as one script in one transaction. The marks tell a reader of the script its parts. #}
{% macro run_script(statements) %}
    {% call statement('main') %}
-- before
{{ rendered_hooks(pre_hooks) }}
-- rows
{{ statements | trim }};
-- after
{{ rendered_hooks(post_hooks) }}
    {% endcall %}
    {%- do adapter.commit() -%}
{% endmacro %}

{% macro rendered_hooks(hooks) -%}
    {%- for hook in hooks -%}
        {{- render(hook.get('sql')) | trim }};
{% endfor -%}
{%- endmacro %}
