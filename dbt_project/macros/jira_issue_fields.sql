{#
  What one Jira `fields` object says about an issue: the same columns for a webhook's snapshot and for a row
  of the REST API. `fields` is an expression of jsonb that is already out of its stored row: every `->` on the
  stored payload would decompress all of it again.

  A field that the object does not carry gives NULL; one that is there and empty gives '' or an empty list, so
  that "no longer set" is told from "not said".
#}
{% macro jira_field_mapping() %}
    select
        max(jira_field_id) filter (where internal_field = 'delivery_stream') as delivery_stream_field,
        max(jira_field_id) filter (where internal_field = 'tech_streams') as tech_streams_field,
        max(jira_field_id) filter (where internal_field = 'story_points') as story_points_field,
        max(jira_field_id) filter (where internal_field = 'sprint') as sprint_field,
        max(jira_field_id) filter (where internal_field = 'flagged') as flagged_field,
        max(jira_field_id) filter (where internal_field = 'found_in_stage') as found_in_stage_field,
        max(jira_field_id) filter (where internal_field = 'introduced_in_stage') as introduced_in_stage_field,
        max(jira_field_name) filter (where internal_field = 'introduced_in_stage') as introduced_in_stage_name,
        max(jira_field_id) filter (where internal_field = 'blocking_tech_stream') as blocking_tech_stream_field,
        max(jira_field_id) filter (where internal_field = 'severity') as severity_field,
        max(jira_field_id) filter (where internal_field = 'root_cause_category') as root_cause_field
    from {{ source('config', 'field_mappings') }}
{% endmacro %}

{# To be joined laterally as `standard`, beside the one row of jira_field_mapping() as `mapping`. #}
{% macro jira_standard_fields(fields) -%}
    jsonb_to_record({{ fields }}) as standard (
        created text, updated text, resolutiondate text, statuscategorychangedate text,
        status jsonb, resolution jsonb, issuetype jsonb, priority jsonb, assignee jsonb, project jsonb,
        labels jsonb, components jsonb, parent jsonb, issuelinks jsonb
    )
{%- endmacro %}

{% macro jira_issue_columns(fields, key) %}
        coalesce(standard.project ->> 'key', substring({{ key }} from '^(.+)-\d+$')) as jira_project_key,
        {{ safe_timestamp('standard.created') }} as created_at,
        {{ safe_timestamp('standard.updated') }} as updated_at,
        {{ safe_timestamp('standard.resolutiondate') }} as resolved_at,
        {{ safe_timestamp('standard.statuscategorychangedate') }} as status_category_changed_at,
        standard.status ->> 'name' as status_name,
        standard.status ->> 'id' as status_id,
        case
            when {{ fields }} ? 'resolution' then coalesce(standard.resolution ->> 'name', '')
        end as resolution_name,
        lower(standard.issuetype ->> 'name') as ticket_type,
        standard.priority ->> 'name' as priority,
        standard.assignee ->> 'person_hash' as assignee_hash,
        case when {{ fields }} ? 'labels' then {{ jira_names('standard.labels') }} end as labels,
        case when {{ fields }} ? 'components' then {{ jira_names('standard.components') }} end as components,
        case
            when {{ fields }} ? mapping.delivery_stream_field
            then coalesce(({{ jira_names(fields ~ ' -> mapping.delivery_stream_field') }})[1], '')
        end as delivery_stream_value,
        case
            when {{ fields }} ? mapping.tech_streams_field
            then {{ jira_names(fields ~ ' -> mapping.tech_streams_field') }}
        end as tech_stream_values,
        {{ safe_number(fields ~ ' ->> mapping.story_points_field') }} as story_points,
        case
            when {{ fields }} ? mapping.sprint_field
            then coalesce({{ jira_sprint(fields ~ ' -> mapping.sprint_field') }}, '')
        end as jira_sprint_id,
        case
            when {{ fields }} ? mapping.sprint_field
            then {{ jira_sprints(fields ~ ' -> mapping.sprint_field') }}
        end as jira_sprint_ids,
        case
            when {{ fields }} ? mapping.flagged_field
            then coalesce(({{ jira_names(fields ~ ' -> mapping.flagged_field') }})[1], '')
        end as flag_name,
        {{ jira_option(fields, 'mapping.found_in_stage_field') }} as found_in_stage_value,
        {{ jira_option(fields, 'mapping.introduced_in_stage_field') }} as introduced_in_stage_value,
        {{ jira_option(fields, 'mapping.severity_field') }} as severity_value,
        {{ jira_option(fields, 'mapping.root_cause_field') }} as root_cause_value,
        nullif(({{ jira_names(fields ~ ' -> mapping.blocking_tech_stream_field') }})[1], '')
            as blocking_tech_stream_value,
        case
            when {{ fields }} ?| array['parent', 'issuelinks']
            then coalesce({{ jira_linked_ticket('standard.parent', 'standard.issuelinks') }}, '')
        end as linked_ticket_id
{%- endmacro %}

{# The one name that a field holds: '' where the field is there and empty, NULL where it is not there. #}
{% macro jira_option(fields, field_id) -%}
    case
        when {{ fields }} ? {{ field_id }}
        then coalesce(({{ jira_names(fields ~ ' -> ' ~ field_id) }})[1], '')
    end
{%- endmacro %}

{#
  The ticket that an issue is about: its parent, unless that is an epic, which is about everything; else what it is
  linked to, a cause before a relation before any other link, and never a duplicate or a copy.
#}
{% macro jira_linked_ticket(parent, issue_links) -%}
    upper(coalesce(
        case
            when coalesce({{ parent }} #>> '{fields,issuetype,name}', '') !~* 'epic'
            then nullif({{ parent }} ->> 'key', '')
        end,
        (
            select linked.ticket_key
            from jsonb_path_query({{ issue_links }}, '$[*] ? (@.type() == "object")') with ordinality as link (entry, place)
            cross join lateral (
                select
                    coalesce(link.entry #>> '{inwardIssue,key}', link.entry #>> '{outwardIssue,key}') as ticket_key,
                    coalesce(link.entry #>> '{type,name}', '') as link_type
            ) as linked
            where linked.ticket_key is not null and linked.link_type !~* 'duplicat|clon'
            order by
                case
                    when linked.link_type ~* 'caus|problem|defect|bug|introduc' then 1
                    when linked.link_type ~* 'relat' then 2
                    else 3
                end,
                link.place
            limit 1
        )
    ))
{%- endmacro %}

{# Names in a field that holds options, objects or plain texts, one or many; `false` and null hold none. #}
{% macro jira_names(value) -%}
    case
        when jsonb_typeof({{ value }}) in ('array', 'object', 'string') then array(
            select coalesce(entry ->> 'value', entry ->> 'name', entry #>> '{}')
            from jsonb_path_query({{ value }}, '$[*] ? (@ != null)') as entry
        )
    end
{%- endmacro %}

{#
  The sprint that an issue is in, out of all that it was ever in: the active one, else the last.
  Cloud sends objects, Server Java's toString ("…Sprint@1f[id=38,rapidViewId=2,state=CLOSED,…]"), others "38, 40".
#}
{% macro jira_sprint(value) -%}
    case
        when jsonb_typeof({{ value }}) = 'object' or jsonb_typeof({{ value }} -> 0) = 'object' then coalesce(
            jsonb_path_query_first({{ value }}, '$[*] ? (@.state like_regex "^active$" flag "i").id') #>> '{}',
            jsonb_path_query_first({{ value }}, '$[last].id') #>> '{}'
        )
        when jsonb_typeof({{ value }}) in ('array', 'string') then coalesce(
            substring(({{ value }})::text from '[[,]id=(\d+)[^]]*state=ACTIVE'),
            substring(({{ value }})::text from '.*[[,]id=(\d+)'),
            substring(({{ value }})::text from '(\d+)\D*$')
        )
        when jsonb_typeof({{ value }}) = 'number' then {{ value }} #>> '{}'
    end
{%- endmacro %}

{# The numbers of all sprints that an issue is or was in, in the forms of `jira_sprint`; an empty list for none. #}
{% macro jira_sprints(value) -%}
    case
        when jsonb_typeof({{ value }}) = 'object' or jsonb_typeof({{ value }} -> 0) = 'object' then array(
            select sprint #>> '{}'
            from jsonb_path_query({{ value }}, '$[*].id') as sprint
        )
        when ({{ value }})::text ~ '[[,]id=[0-9]+' then array(
            select found.matched[1]
            from regexp_matches(({{ value }})::text, '[[,]id=([0-9]+)', 'g') as found (matched)
        )
        when jsonb_typeof({{ value }}) in ('array', 'string', 'number') then {{ split_sprints('(' ~ value ~ ')::text') }}
        else '{}'::text[]
    end
{%- endmacro %}

{# The numbers in "38, 40", as a list; NULL for NULL. #}
{% macro split_sprints(listed) -%}
    case
        when {{ listed }} is not null then array(
            select found.matched[1]
            from regexp_matches({{ listed }}, '([0-9]+)', 'g') as found (matched)
        )
    end
{%- endmacro %}

{#
  What a changelog's items changed, as one row for each parent row: NULL for "not changed", '' for "cleared".
  Old servers send no fieldId, so the field's name stands in for it.
#}
{% macro jira_changes(items) %}
        select
            max(coalesce(item."fromString", '')) filter (where item.field_key = 'status') as status_from,
            max(coalesce(item."toString", '')) filter (where item.field_key = 'status') as status_to,
            max(item."to") filter (where item.field_key = 'status') as status_to_id,
            max(coalesce(item."toString", '')) filter (where item.field_key = 'resolution') as resolution_to,
            max(coalesce(item."toString", '')) filter (
                where {{ changed_field('mapping.flagged_field', "'flagged'") }}
            ) as flag_to,
            max(item."fromString") filter (where item.field_key in ('issuekey', 'key')) as moved_from_key,
            -- Sprints count by number; some servers tell names alone, and then nothing is known.
            max(coalesce(item."from", case when coalesce(item."fromString", '') = '' then '' end)) filter (
                where {{ changed_field('mapping.sprint_field', "'sprint'") }}
            ) as sprints_from,
            max(coalesce(item."to", case when coalesce(item."toString", '') = '' then '' end)) filter (
                where {{ changed_field('mapping.sprint_field', "'sprint'") }}
            ) as sprints_to,
            max(coalesce(item."fromString", '')) filter (
                where {{ changed_field('mapping.introduced_in_stage_field', 'lower(mapping.introduced_in_stage_name)') }}
            ) as introduced_from,
            max(coalesce(item."toString", '')) filter (
                where {{ changed_field('mapping.introduced_in_stage_field', 'lower(mapping.introduced_in_stage_name)') }}
            ) as introduced_to,
            -- What stood there before, for events of that time that nobody but the changelog tells of.
            max(coalesce(item."from", '')) filter (where item.field_key = 'assignee') as assignee_from,
            max(coalesce(item."fromString", '')) filter (where item.field_key = 'priority') as priority_from,
            max(coalesce(item."fromString", '')) filter (where item.field_key = 'labels') as labels_from,
            max(coalesce(item."fromString", '')) filter (
                where item.field_key = mapping.story_points_field
            ) as story_points_from,
            max(coalesce(item."fromString", '')) filter (
                where item.field_key = mapping.blocking_tech_stream_field
            ) as blocking_tech_stream_from
        from jsonb_path_query({{ items }}, '$[*] ? (@.type() == "object")') as entry
        cross join lateral (
            select
                record.*,
                coalesce(record."fieldId", lower(record.field)) as field_key
            from jsonb_to_record(entry)
                as record (field text, "fieldId" text, "from" text, "fromString" text, "to" text, "toString" text)
        ) as item
{%- endmacro %}

{# An item of a changelog is about the mapped field, or has its name where the server sends no id, or none is mapped. #}
{% macro changed_field(field_id, name) -%}
    item.field_key = {{ field_id }}
    or ((item."fieldId" is null or {{ field_id }} is null) and lower(item.field) = {{ name }})
{%- endmacro %}
