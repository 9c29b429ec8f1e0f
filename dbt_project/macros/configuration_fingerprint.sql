{#
  A hash of configuration tables: when it changes, what was built with them is built again.
  Of sprints only the ids count, since a sprint's state changes every fortnight and no event depends on it; of
  installations their accounts, since the daily list notes when it was seen. Of field mappings only what is mapped to
  what counts, not what the last check said. The fields of deployments, incidents and flow are
  `delivery_field_mappings`: one model reads them, so that the others are not built anew for their sake.
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
                {%- elif table in ('field_mappings', 'delivery_field_mappings') %}
                select internal_field || '=' || jira_field_id as content
                from {{ source('config', 'field_mappings') }}
                where
                    {{ 'not ' if table == 'field_mappings' }}internal_field
                    = any(array['{{ jira_delivery_fields() | join("', '") }}'])
                {%- else %}
                select whole::text as content from {{ source('config', table) }} as whole
                {%- endif %}
            ) as entry
        )
        {%- endfor %}
    ))
{%- endmacro %}
