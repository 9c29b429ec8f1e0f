{#
  Former keys of tickets that moved to another project, each with the key that the ticket has now.
  A ticket may move on, or back: each walk follows later moves only.
#}
{% macro ticket_aliases() %}
    with recursive moves as (
        select moved_from_key as former_ticket_id, ticket_id, event_at as moved_at
        from {{ ref('stg_jira__issue_events') }}
        where moved_from_key is not null and moved_from_key <> ticket_id
        union all
        select moved_from_key, ticket_id, changed_at
        from {{ ref('stg_jira__issue_changes') }}
        where moved_from_key is not null and moved_from_key <> ticket_id
    ),

    walks as (
        select former_ticket_id, ticket_id, moved_at
        from moves
        union
        select walks.former_ticket_id, moves.ticket_id, moves.moved_at
        from walks
        inner join moves on walks.ticket_id = moves.former_ticket_id and walks.moved_at < moves.moved_at
    ),

    ends as (
        select distinct on (former_ticket_id) former_ticket_id, ticket_id
        from walks
        order by former_ticket_id, moved_at desc, ticket_id
    )

    select former_ticket_id, ticket_id
    from ends
    where former_ticket_id <> ticket_id
{% endmacro %}
