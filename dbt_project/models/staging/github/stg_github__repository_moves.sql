with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where source = 'github' and event_name = 'repository'
),

parsed as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        repository.full_name,
        case delivery.action
            when 'renamed'
                then
                    substring(repository.full_name from '^(.+/)[^/]+$')
                    || (delivery.changes #>> '{repository,name,from}')
            when 'transferred'
                then
                    coalesce(
                        delivery.changes #>> '{owner,from,organization,login}',
                        delivery.changes #>> '{owner,from,user,login}'
                    )
                    || substring(repository.full_name from '(/[^/]+)$')
        end as former_full_name
    from deliveries
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as delivery (action text, changes jsonb, repository jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.repository') }})
            as repository (full_name text)
),

final as (
    select
        landing_id,
        received_at as moved_at,
        former_full_name,
        full_name
    from parsed
    where former_full_name <> full_name
)

select * from final
