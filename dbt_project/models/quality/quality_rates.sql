-- The data-quality rates of specification 004 §5.6 over the last 90 days, against their targets.
{{ config(materialized='table') }}

with pr_cycles as (
    select * from {{ ref('pr_cycles') }}
    where
        not is_bot
        and opened_at > {{ as_of() }} - interval '90 days'
        and opened_at <= {{ as_of() }}
),

work_items as (
    select * from {{ ref('work_items') }}
    where
        not is_deleted
        and created_at > {{ as_of() }} - interval '90 days'
        and created_at <= {{ as_of() }}
),

deployment_records as (
    select * from {{ ref('deployment_records') }}
    where
        environment = 'production'
        and deployed_at > {{ as_of() }} - interval '90 days'
        and deployed_at <= {{ as_of() }}
),

judged as (
    select
        'pr_ticket_linkage_rate' as metric_name,
        array_remove(array[tech_stream_id], null) as tech_stream_ids,
        linked_ticket_id is not null as is_good
    from pr_cycles
    union all
    select
        'ticket_stream_tagging_rate',
        coalesce(tech_stream_ids, '{}'),
        delivery_stream_id is not null
    from work_items
    union all
    select
        'deployment_traceability_rate',
        array_remove(array[tech_stream_id], null),
        linked_ticket_id is not null
    from deployment_records
),

targets as (
    select *
    from (
        values
        ('pr_ticket_linkage_rate', 'Pull requests linked to a ticket', 90::numeric),
        ('ticket_stream_tagging_rate', 'Tickets with a delivery stream', 95::numeric),
        ('deployment_traceability_rate', 'Deployments traced to a ticket', 80::numeric)
    ) as listed (metric_name, display_name, target_pct)
),

by_stream as (
    select
        judged.metric_name,
        streams.stream_type,
        streams.stream_id,
        judged.is_good
    from judged
    cross join lateral (
        select
            'all' as stream_type,
            '{{ all_streams_id() }}'::uuid as stream_id
        union all
        select
            'tech' as stream_type,
            tech.stream_id
        from unnest(judged.tech_stream_ids) as tech (stream_id)
    ) as streams
),

final as (
    select
        by_stream.stream_type,
        by_stream.stream_id,
        by_stream.metric_name,
        targets.display_name,
        round(avg(case when by_stream.is_good then 100 else 0 end)::numeric, 2) as rate_pct,
        targets.target_pct,
        count(*)::integer as sample_size
    from by_stream
    inner join targets on by_stream.metric_name = targets.metric_name
    group by
        by_stream.stream_type,
        by_stream.stream_id,
        by_stream.metric_name,
        targets.display_name,
        targets.target_pct
)

select * from final
