{#
  Incremental strategy: the model's query gives all rows of the keys that were touched since the last build.
  Of these keys, rows that are no longer given are deleted, new and different ones are inserted, and equal
  ones are left alone, so a doubled delivery rewrites nothing. A key that was touched and yields no row any more
  (a reopened ticket leaves work_item_cycles) must be told apart from one that was not touched, hence
  `meta.touched`: the name of a macro that gives the touched keys as a query with one column, `meta.touched_key`.
  The macro is called with the relation of the given rows, for models that work out themselves which rows changed.
  `meta.volatile`: columns that do not count in the comparison, such as revision.
  `meta.before`: a macro that gives a statement to run first, with what stands and what is given, for a model whose
  followers must know what stood there before.
#}
{% macro get_incremental_replace_touched_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set given = arg_dict['temp_relation'] -%}
    {%- set settings = config.get('meta', {}) -%}
    {%- set key = settings['touched_key'] -%}
    {%- set volatile = settings.get('volatile', []) -%}
    {%- set unique_key = config.get('unique_key') -%}
    {%- set unique_key = [unique_key] if unique_key is string else unique_key -%}
    {%- set names = arg_dict['dest_columns'] | map(attribute='name') | list -%}

    {% if 'before' in settings %}
    {{ context[settings['before']](target, given) }};
    {% endif %}

    delete from {{ target }} as old
    using ({{ context[settings['touched']](given) }}) as touched
    where
        old.{{ key }} = touched.{{ key }}
        and not exists (
            select 1
            from {{ given }} as new
            where
                {% for column in unique_key %}new.{{ column }} = old.{{ column }} and {% endfor %}
                ({% for name in names if name not in volatile %}new.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
                is not distinct from
                ({% for name in names if name not in volatile %}old.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
        );

    insert into {{ target }} ({{ names | join(', ') }})
    select {% for name in names %}new.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ given }} as new
    where
        not exists (
            select 1
            from {{ target }} as old
            where
                {% for column in unique_key %}
                new.{{ column }} = old.{{ column }}{{ ' and ' if not loop.last }}
                {% endfor %}
        )
{% endmacro %}
