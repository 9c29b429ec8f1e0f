-- A metric of the catalogue names only rates that there are: a misspelt one would never lower any confidence.
select
    metric_catalogue.metric_name,
    listed.rate_name
from {{ ref('metric_catalogue') }} as metric_catalogue
cross join lateral unnest(string_to_array(metric_catalogue.confidence_rates, ';')) as listed (rate_name)
where
    trim(listed.rate_name) not in (
        {%- for definition in quality_rate_definitions() %}
        '{{ definition[0] }}'{{ ',' if not loop.last }}
        {%- endfor %}
    )
