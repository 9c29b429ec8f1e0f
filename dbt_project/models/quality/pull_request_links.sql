-- How long pull requests stayed unlinked: until the ticket that they name was heard of, or until somebody linked them.
{{ config(materialized='table') }}

with pull_requests as (
    select * from {{ ref('pull_requests') }}
    where
        not is_bot
        and opened_at > {{ as_of() }} - interval '90 days'
        and opened_at <= {{ as_of() }}
),

manual_links as (
    select * from {{ source('config', 'manual_links') }}
),

work_items as (
    select * from {{ ref('work_items') }}
),

-- What a delivery told first, by when it came; what was fetched has no such time and counts since it was made.
first_heard as (
    select
        ticket_id,
        min(received_at) as received_at
    from {{ ref('work_item_events') }}
    where ticket_id in (select pull_requests.linked_ticket_id from pull_requests)
    group by ticket_id
),

final as (
    select
        pull_requests.repo_full_name,
        pull_requests.pr_number,
        pull_requests.tech_stream_id,
        pull_requests.delivery_stream_id,
        pull_requests.linked_ticket_id,
        pull_requests.link_method,
        case
            when pull_requests.linked_ticket_id is null then 'unlinked'
            when work_items.ticket_id is null then 'unknown_ticket'
            else 'linked'
        end as link_state,
        pull_requests.opened_at,
        linking.linked_at,
        {{ hours_between('pull_requests.opened_at', 'coalesce(linking.linked_at, ' ~ as_of() ~ ')') }} as unlinked_hrs
    from pull_requests
    left join work_items on pull_requests.linked_ticket_id = work_items.ticket_id
    left join first_heard on pull_requests.linked_ticket_id = first_heard.ticket_id
    left join manual_links
        on
            pull_requests.link_method = 'manual'
            and pull_requests.repo_full_name = manual_links.repo_full_name
            and pull_requests.pr_number = manual_links.pr_number
    cross join lateral (
        select
            case
                when work_items.ticket_id is not null
                    then greatest(
                        pull_requests.opened_at,
                        coalesce(first_heard.received_at, work_items.created_at),
                        manual_links.linked_at
                    )
            end as linked_at
    ) as linking
)

select * from final
