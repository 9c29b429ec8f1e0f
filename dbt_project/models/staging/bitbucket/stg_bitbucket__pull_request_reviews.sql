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
        source = 'bitbucket'
        and event_name in (
            'pullrequest:approved', 'pullrequest:unapproved', 'pullrequest:changes_request_created',
            'pullrequest:changes_request_removed', 'pullrequest:comment_created'
        )
        {{- landed_since_last_build() }}
),

revision as materialized (
    select {{ next_revision() }} as revision
),

told as (
    select
        {{ bitbucket_delivery_columns(
            "case when deliveries.event_name in ('pullrequest:unapproved', 'pullrequest:changes_request_removed')"
            ~ " then 'dismissed' else 'submitted' end"
        ) }},
        case deliveries.event_name
            when 'pullrequest:approved' then 'approved'
            when 'pullrequest:changes_request_created' then 'changes_requested'
            when 'pullrequest:comment_created' then 'commented'
            else 'dismissed'
        end as review_state,
        delivery.comment ->> 'id' as review_id,
        coalesce(
            delivery.approval -> 'user', delivery.changes_request -> 'user', delivery.comment -> 'user', delivery.actor
        ) as reviewer,
        coalesce(
            delivery.approval ->> 'date', delivery.changes_request ->> 'date', delivery.comment ->> 'created_on'
        ) as submitted_on
    from deliveries
    {{ bitbucket_delivery_laterals() }}
    where {{ is_bitbucket_observation() }}
),

final as (
    select
        {{ pull_request_observation_columns(without=['revision']) }},
        told.review_id,
        told.reviewer ->> 'person_hash' as reviewer_hash,
        {{ is_bitbucket_bot('told.reviewer') }} as reviewer_is_bot,
        told.review_state,
        -- Taking an approval or a request back is no review of its own.
        case
            when told.review_state <> 'dismissed'
                then coalesce({{ bitbucket_timestamp('told.submitted_on') }}, told.received_at)
        end as submitted_at,
        told.head_sha as reviewed_sha,
        revision.revision
    from told
    cross join revision
)

select * from final
