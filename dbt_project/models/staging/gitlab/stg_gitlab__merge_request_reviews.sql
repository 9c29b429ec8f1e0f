{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[
        {'columns': ['landing_id'], 'unique': true},
        {'columns': ['pull_request_key']},
        {'columns': ['revision']},
    ],
) }}

with deliveries as (
    select
        landing_id,
        received_at,
        event_name,
        payload
    from {{ source('landing', 'raw_events') }}
    where
        source = 'gitlab'
        and event_name in ('Merge Request Hook', 'Note Hook')
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

decisions as (
    select
        {{ gitlab_delivery_columns(
            "case when " ~ gitlab_review_state() ~ " = 'dismissed' then 'dismissed' else 'submitted' end"
        ) }},
        null::text as review_id,
        delivery.user ->> 'person_hash' as reviewer_hash,
        coalesce(delivery.user ->> 'type' = 'Bot', false) as reviewer_is_bot,
        {{ gitlab_review_state() }} as review_state,
        -- Taking an approval back is no review of its own.
        case
            when {{ gitlab_review_state() }} <> 'dismissed'
                then coalesce({{ gitlab_timestamp('merge_request.updated_at') }}, deliveries.received_at)
        end as submitted_at,
        merge_request.last_commit ->> 'id' as reviewed_sha
    from deliveries
    {{ gitlab_delivery_laterals('delivery.object_attributes') }}
    where
        deliveries.event_name = 'Merge Request Hook'
        and {{ is_gitlab_observation() }}
        and {{ gitlab_review_state() }} is not null
),

comments as (
    select
        {{ gitlab_delivery_columns("'submitted'") }},
        note.id as review_id,
        delivery.user ->> 'person_hash' as reviewer_hash,
        coalesce(delivery.user ->> 'type' = 'Bot', false) as reviewer_is_bot,
        'commented' as review_state,
        coalesce({{ gitlab_timestamp('note.created_at') }}, deliveries.received_at) as submitted_at,
        merge_request.last_commit ->> 'id' as reviewed_sha
    from deliveries
    {{ gitlab_delivery_laterals('delivery.merge_request') }}
    cross join lateral jsonb_to_record({{ json_object('delivery.object_attributes') }})
        as note (id text, noteable_type text, system text, action text, created_at text)
    where
        deliveries.event_name = 'Note Hook'
        and note.noteable_type = 'MergeRequest'
        and note.system is distinct from 'true'
        -- A comment that is edited is the same comment.
        and note.action is distinct from 'update'
        and {{ is_gitlab_observation() }}
),

told as (
    select * from decisions
    union all
    select * from comments
),

final as (
    select
        told.*,
        revision.revision
    from told
    cross join revision
)

select * from final
