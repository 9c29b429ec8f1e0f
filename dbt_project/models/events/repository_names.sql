{{ config(
    materialized='table',
    indexes=[
        {'columns': ['former_full_name'], 'unique': true},
        {'columns': ['full_name']},
    ],
) }}

with recursive told as (
    select * from {{ ref('stg_github__repository_moves') }}
),

aliases as (
    select * from {{ source('config', 'repository_aliases') }}
),

-- A name that another repository came to bear later is that one's.
moves as (
    select distinct on (told.former_full_name)
        told.former_full_name,
        told.full_name,
        told.moved_at
    from told
    where
        not exists (
            select 1
            from told as later
            where later.full_name = told.former_full_name and later.landing_id > told.landing_id
        )
    order by told.former_full_name, told.landing_id desc
),

-- What an administrator or the list of repositories says wins over what was told on the way.
steps as (
    select
        former_full_name,
        full_name,
        known_since as moved_at
    from aliases
    where former_full_name <> full_name
    union all
    select
        moves.former_full_name,
        moves.full_name,
        moves.moved_at
    from moves
    left join aliases on moves.former_full_name = aliases.former_full_name
    where aliases.former_full_name is null
),

walks as (
    select
        former_full_name,
        full_name,
        1 as distance,
        array[former_full_name] as passed_names,
        moved_at as last_moved_at,
        full_name as last_moved_to
    from steps
    union all
    select
        walks.former_full_name,
        steps.full_name,
        walks.distance + 1,
        walks.passed_names || steps.former_full_name,
        greatest(walks.last_moved_at, steps.moved_at),
        case when steps.moved_at > walks.last_moved_at then steps.full_name else walks.last_moved_to end
    from walks
    inner join steps on walks.full_name = steps.former_full_name
    where walks.full_name <> all(walks.passed_names)
),

-- Renamed there and back: of names in a circle, the last one that was given holds.
ends as (
    select distinct on (former_full_name)
        former_full_name,
        distance,
        case when full_name = any(passed_names) then last_moved_to else full_name end as full_name
    from walks
    order by former_full_name, distance desc
),

final as (
    select
        former_full_name,
        full_name,
        distance
    from ends
    where former_full_name <> full_name
)

select * from final
