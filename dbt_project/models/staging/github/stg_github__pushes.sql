{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['landing_id'], 'unique': true},
        {'columns': ['repo_full_name', 'ref_name']},
        {'columns': ['revision']},
    ],
) }}

with deliveries as (
    select
        landing_id,
        received_at,
        payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'github'
        and event_name = 'push'
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

final as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        repository.full_name as repo_full_name,
        case when starts_with(delivery.ref, 'refs/tags/') then 'tag' else 'branch' end as ref_kind,
        substring(delivery.ref from '^refs/(?:heads|tags)/(.+)$') as ref_name,
        -- An annotated tag is an object of its own: the commit it leads to is the head commit.
        lower(coalesce(delivery.head_commit ->> 'id', delivery.after)) as commit_sha,
        coalesce(
            case when repository.pushed_at ~ '^\d{9,10}$' then to_timestamp(repository.pushed_at::bigint) end,
            {{ safe_timestamp('repository.pushed_at') }},
            deliveries.received_at
        ) as pushed_at,
        revision.revision
    from deliveries
    cross join revision
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as delivery (ref text, after text, created text, deleted text, head_commit jsonb, repository jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.repository') }})
            as repository (full_name text, pushed_at text)
    where
        repository.full_name is not null
        and delivery.deleted is distinct from 'true'
        and (
            (delivery.created = 'true' and starts_with(delivery.ref, 'refs/heads/'))
            or starts_with(delivery.ref, 'refs/tags/')
        )
)

select * from final
