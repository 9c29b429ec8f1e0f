{# The groups `dora` and `flow` of ingestion/sources/jira/fields/catalogue.py: read by stg_jira__mapped_fields alone. #}
{% macro jira_delivery_instants() -%}
    {{ return([
        'deployment_date', 'deployed_to_production_date', 'code_commit_date', 'incident_detected_at',
        'incident_resolved_at', 'work_started_date', 'work_completed_date', 'status_entry_timestamp',
    ]) }}
{%- endmacro %}

{% macro jira_delivery_fields() -%}
    {{ return(jira_delivery_instants() + [
        'target_environment', 'deployment_successful', 'production_impact', 'flow_item_type', 'active_work_hours',
        'flow_time_days',
    ]) }}
{%- endmacro %}

{# Which Jira field holds which of them, as one row; no row where none is mapped. #}
{% macro jira_delivery_mapping() %}
    select
        {%- for name in jira_delivery_fields() %}
        max(jira_field_id) filter (where internal_field = '{{ name }}') as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ source('config', 'field_mappings') }}
    where internal_field in ('{{ jira_delivery_fields() | join("', '") }}')
    having count(*) > 0
{% endmacro %}

{# The mapped fields of one Jira `fields` object, typed; `mapping` is the row above. #}
{% macro jira_delivery_columns(fields) %}
        array_remove(
            array[
                {%- for name in jira_delivery_fields() %}
                case when {{ fields }} ? mapping.{{ name }} then '{{ name }}' end{{ ',' if not loop.last }}
                {%- endfor %}
            ]::text[],
            null
        ) as stated_fields,
        {%- for name in jira_delivery_instants() %}
        {{ safe_timestamp(fields ~ ' ->> mapping.' ~ name) }} as {{ name }},
        {%- endfor %}
        {{ one_environment(jira_names(fields ~ ' -> mapping.target_environment')) }} as target_environment,
        {{ deployment_outcome(jira_words(fields, 'deployment_successful')) }} as deployment_outcome,
        {{ production_impact(jira_words(fields, 'production_impact')) }} as production_impact,
        nullif(replace({{ jira_words(fields, 'flow_item_type') }}, ' ', '_'), '') as flow_item_type,
        {{ safe_number(fields ~ ' ->> mapping.active_work_hours') }} as active_work_hours,
        {{ safe_number(fields ~ ' ->> mapping.flow_time_days') }} as flow_time_days
{%- endmacro %}

{# The first value of a field, in lower case; Jira's own true and false, too. #}
{% macro jira_words(fields, name) -%}
    lower(trim(
        case jsonb_typeof({{ fields }} -> mapping.{{ name }})
            when 'boolean' then {{ fields }} ->> mapping.{{ name }}
            else ({{ jira_names(fields ~ ' -> mapping.' ~ name) }})[1]
        end
    ))
{%- endmacro %}

{# Of several environments the one that matters: production, else the first. #}
{% macro one_environment(names) -%}
    (
        select {{ environment_name('listed.name') }}
        from unnest({{ names }}) with ordinality as listed (name, place)
        where trim(listed.name) <> ''
        order by ({{ environment_name('listed.name') }} = 'production') desc, listed.place
        limit 1
    )
{%- endmacro %}

{# What people answer to "did the deployment go well?": success, failure, rolled_back; NULL for no or any other answer. #}
{% macro deployment_outcome(words) -%}
    case
        when {{ words }} ~ '(roll(ed)? ?-?back|revert)' then 'rolled_back'
        when {{ words }} ~ '^(no|false|n|0)$|fail|unsuccess|not success|abort|broken' then 'failure'
        when {{ words }} ~ '^(yes|true|y|1|ok|okay|done)$|success|pass' then 'success'
    end
{%- endmacro %}

{#
  How badly production suffered: none, low, medium, high, critical, and unknown for any other answer but an empty one.
  The words of Jira Service Management's own field Impact are among them.
#}
{% macro production_impact(words) -%}
    case
        when {{ words }} = '' then null
        when {{ words }} ~ '^(none|no|false|n/?a|nothing|no impact)$' then 'none'
        when {{ words }} ~ 'critical|blocker|outage|severe|extensive|widespread' then 'critical'
        when {{ words }} ~ 'high|major|significant|large' then 'high'
        when {{ words }} ~ 'medium|moderate|limited|partial' then 'medium'
        when {{ words }} ~ 'low|minor|locali[sz]ed|trivial' then 'low'
        when {{ words }} is not null then 'unknown'
    end
{%- endmacro %}

{# The value of a column in the newest observation of an issue that carried the field; NULL where that cleared it. #}
{% macro last_stated(column, field=none) -%}
    (
        array_agg(observations.{{ column }} order by {{ newest_observation() }})
        filter (where '{{ field or column }}' = any(observations.stated_fields))
    )[1]
{%- endmacro %}

{# By Jira's clock, not by arrival; what was fetched holds everything that a delivery of that instant told. #}
{% macro newest_observation() -%}
    observations.observed_at desc, observations.is_deletion desc, observations.landing_id desc nulls first
{%- endmacro %}

{#
  Issues whose mapped fields a delivery or a fetch told since this model was last built, or that the reconciliation
  found deleted or present again.
#}
{% macro touched_mapped_tickets(given=none) %}
    select issue_id
    from {{ ref('stg_jira__mapped_fields') }}
    where revision > {{ applied_revision() }}
    union
    select known.issue_id
    from {{ this }} as known
    where {{ applied_revision() }} < 0
    union
    select known.issue_id
    from {{ ref('stg_jira__tombstones') }} as tombstones
    inner join {{ this }} as known on tombstones.issue_id = known.issue_id
    where tombstones.revision > {{ applied_revision() }}
{% endmacro %}

{# Pre-hook, after begin_build: rows that were read with another configuration, and need not come again, go. #}
{% macro forget_where_reconfigured() %}
    {%- if is_incremental() %}
    delete from {{ this }} where {{ applied_revision() }} < 0
    {%- else %}
    select 1
    {%- endif %}
{% endmacro %}
