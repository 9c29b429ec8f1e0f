{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['landing_id', 'place'], 'unique': true},
        {'columns': ['repo_full_name', 'commit_sha']},
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
        listed.place::integer as place,
        lower(pushed.id) as commit_sha,
        coalesce({{ safe_timestamp('pushed."timestamp"') }}, deliveries.received_at) as committed_at,
        pushed.author ->> 'person_hash' as author_hash,
        {{ array_length_of('pushed.added') }}
        + {{ array_length_of('pushed.removed') }}
        + {{ array_length_of('pushed.modified') }} as files_changed,
        revision.revision
    from deliveries
    cross join revision
    cross join
        lateral jsonb_to_record({{ json_object('deliveries.payload') }})
            as delivery (ref text, commits jsonb, repository jsonb)
    cross join
        lateral jsonb_to_record({{ json_object('delivery.repository') }})
            as repository (full_name text, default_branch text)
    cross join
        lateral jsonb_array_elements(
            case when jsonb_typeof(delivery.commits) = 'array' then delivery.commits else '[]'::jsonb end
        ) with ordinality as listed (content, place)
    cross join
        lateral jsonb_to_record({{ json_object('listed.content') }})
            as pushed (id text, "timestamp" text, author jsonb, added jsonb, removed jsonb, modified jsonb)
    where
        repository.full_name is not null
        and delivery.ref = 'refs/heads/' || repository.default_branch
        and pushed.id is not null
)

select * from final
