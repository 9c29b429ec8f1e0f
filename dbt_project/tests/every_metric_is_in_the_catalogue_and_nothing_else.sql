-- A metric without its definition in words, or a definition of which there is no metric. What stands in a mart of its own
-- is not listed anywhere else; of those it is asserted that the project has the mart.
{%- set marts = [] -%}
{%- if execute -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- do marts.append(node.schema ~ '.' ~ node.name) -%}
    {%- endfor -%}
{%- endif %}

with defined as (
    select metric_name from ({{ metric_definition_rows() }}) as definitions
    union
    select metric_name from ({{ state_metric_rows() }}) as state_metrics
),

catalogue as (
    select
        metric_name,
        mart
    from {{ ref('metric_catalogue') }}
)

select
    defined.metric_name as defined_name,
    catalogue.metric_name as catalogued_name,
    catalogue.mart
from defined
full outer join catalogue on defined.metric_name = catalogue.metric_name
where
    catalogue.metric_name is null
    or (defined.metric_name is null) = (catalogue.mart = 'metrics.daily_stream_metrics')
    or catalogue.mart not in ('{{ marts | join("', '") }}')
