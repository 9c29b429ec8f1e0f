{#
  Tickets to be built again, for `replace_touched`: what we last heard of them was written since this model was last
  built, or a key was heard of, under which nothing stands any more (the ticket moved).
#}
{% macro touched_tickets(given=none) %}
    select ticket_id
    from {{ ref('work_item_attributes') }}
    where revision > {{ applied_revision() }}
    union
    {{ touched_by_arrivals() }}
{% endmacro %}

{# Keys of tickets that a delivery or a fetched issue named since this model was last built. #}
{% macro touched_by_arrivals(given=none) %}
    select ticket_id
    from {{ ref('work_item_arrivals') }}
    where revision > {{ applied_revision() }}
{% endmacro %}

{# The same for models that also show a ticket's technology streams, which pull requests may add. #}
{% macro touched_work_items(given=none) %}
    {{ touched_tickets() }}
    union
    select ticket_id
    from {{ ref('work_item_tech_streams') }}
    where revision > {{ applied_revision() }}
{% endmacro %}

{# For defect_events, which show the stage of the ticket that a defect is linked to. #}
{% macro touched_defects(given=none) %}
    {{ touched_tickets() }}
    union
    select defects.ticket_id
    from {{ ref('work_item_attributes') }} as defects
    where defects.linked_ticket_id in (select touched.ticket_id from ({{ touched_tickets() }}) as touched)
{% endmacro %}

{# For work_item_tech_streams, whose query gives only the tickets whose streams changed. #}
{% macro changed_tech_streams(given) %}
    select ticket_id
    from {{ given }}
    union
    select known.ticket_id
    from {{ this }} as known
    where not exists (
        select 1 from {{ ref('work_item_attributes') }} as tickets where tickets.ticket_id = known.ticket_id
    )
{% endmacro %}

{#
  Where a model reads the rows of touched tickets only; nothing on a full build. While dbt parses, the query is made
  either way: that is how dbt learns a model's parents, and nothing is incremental yet.
#}
{% macro where_touched(with_tech_streams=false) %}
    {%- if not execute or is_incremental() %}
    where ticket_id in (
        select touched.ticket_id
        from ({{ touched_work_items() if with_tech_streams else touched_tickets() }}) as touched
    )
    {%- endif %}
{% endmacro %}
