{#
  A hash of configuration tables: when it changes, what was built with them is built again.
  Of sprints only the ids count, since a sprint's state changes every fortnight and no event depends on it; of
  installations their accounts, since the daily list notes when it was seen.
#}
{% macro configuration_fingerprint(tables) -%}
    md5(concat_ws(
        '|',
        '{{ var("timezone") }}'
        {%- for table in tables %},
        (
            select string_agg(entry.content, '|' order by entry.content collate "C")
            from (
                {%- if table == 'sprints' %}
                select jira_sprint_id || '=' || sprint_id::text as content from {{ source('config', table) }}
                {%- elif table == 'github_installations' %}
                select installation_id || '=' || account_login as content from {{ source('config', table) }}
                {%- else %}
                select whole::text as content from {{ source('config', table) }} as whole
                {%- endif %}
            ) as entry
        )
        {%- endfor %}
    ))
{%- endmacro %}
