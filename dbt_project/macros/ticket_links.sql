{#
  CTEs of events.pull_requests: which tickets a pull request names (004 §5.3.4), beside CTEs `placed` (pull requests with
  the pattern of their stream), `projects`, `configured` and `tickets`. Gives `candidates` (all that looks like a ticket),
  `recognised` (the one that is preferred among those that are tickets) and `all_candidates` (a list for each).
#}
{% macro ticket_link_ctes() -%}
candidates as (
    select
        placed.pull_request_key,
        found.preference,
        found.link_method,
        upper(found.ticket_id) as ticket_id,
        substring(upper(found.ticket_id) from '^(.+)-\d+$') as project_key
    from placed
    cross join
        lateral (
            select
                1 as preference,
                'branch' as link_method,
                (regexp_match(placed.branch_name, placed.ticket_pattern))[1] as ticket_id
            union all
            select
                2,
                'title',
                (regexp_match(placed.title, placed.ticket_pattern))[1]
            union all
            select
                2 + named.place,
                'body',
                named.ticket_id
            from unnest(placed.body_ticket_keys) with ordinality as named (ticket_id, place)
        ) as found
    where found.ticket_id is not null
),

-- UTF-8, SHA-256 and CVE-2024-1 look like tickets: only a known project or a known ticket makes one.
recognised as (
    select distinct on (candidates.pull_request_key)
        candidates.pull_request_key,
        candidates.ticket_id,
        candidates.link_method
    from candidates
    cross join configured
    left join projects on candidates.project_key = projects.project_key
    left join tickets on candidates.ticket_id = tickets.named_ticket_id
    where
        projects.project_key is not null
        or tickets.ticket_id is not null
        or configured.project_count = 0
    order by candidates.pull_request_key, candidates.preference
),

all_candidates as (
    select
        pull_request_key,
        array_agg(distinct ticket_id) as ticket_ids
    from candidates
    group by pull_request_key
)
{%- endmacro %}

{# Beside a CTE `attributes`. A ticket that moved to another project answers to its former keys too. #}
{% macro tickets_by_every_key(columns) %}
    select distinct on (named.ticket_id)
        named.ticket_id as named_ticket_id,
        attributes.ticket_id,
        {%- for column in columns %}
        attributes.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from attributes
    cross join lateral unnest(attributes.ticket_id || attributes.former_ticket_ids) as named (ticket_id)
    order by named.ticket_id, (named.ticket_id = attributes.ticket_id) desc
{%- endmacro %}
