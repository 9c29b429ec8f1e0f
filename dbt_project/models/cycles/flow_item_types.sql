-- By which words the kind of a work item is recognised. No seed: whoever builds the cycles has it.
{{ config(materialized='table') }}

with final as (
    select
        types.rank,
        types.pattern,
        types.flow_item_type
    from (
        values
        (1, 'risk|security|vulnerab|compliance|audit|privacy', 'Risk'),
        (2, '{{ var("defect_type_pattern") }}', 'Defect'),
        (3, 'spike|debt|chore|refactor|technical|maintenance', 'Technical_Debt'),
        (4, 'story|feature|epic|task|improvement|enhancement', 'Feature')
    ) as types (rank, pattern, flow_item_type)
)

select * from final
