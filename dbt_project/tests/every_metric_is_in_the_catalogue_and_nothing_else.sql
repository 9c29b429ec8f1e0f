-- A metric without its definition in words, or a definition of which there is no metric. What stands in a mart of its
-- own is listed nowhere else; that the mart is there is asserted where all have been built.
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
