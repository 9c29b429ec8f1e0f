-- What became of each sprint: its end once it is closed, its state at as_of until then.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='jira_sprint_id',
    meta={'touched': 'touched_sprints', 'touched_key': 'jira_sprint_id'},
    indexes=[
        {'columns': ['jira_sprint_id'], 'unique': true},
        {'columns': ['delivery_stream_id', 'ended_at']},
    ],
    pre_hook="{{ begin_build(configuration_fingerprint(['status_mappings', 'delivery_streams'])) }}",
    post_hook="{{ end_build() }}",
) }}

with sprints as (
    select
        *,
        greatest(least(coalesce(closed_at, {{ as_of() }}), {{ as_of() }}), starts_at) as last_moment,
        coalesce(closed_at <= {{ as_of() }}, false) as is_final
    from {{ ref('stg_jira__sprints') }}
    where
        starts_at <= {{ as_of() }}
        and not is_deleted
        {%- if not execute or is_incremental() %}
        and jira_sprint_id in (select touched.jira_sprint_id from ({{ touched_sprints() }}) as touched)
        {%- endif %}
),

snapshots as (
    select distinct on (jira_sprint_id)
        jira_sprint_id,
        delivery_stream_id
    from {{ ref('sprint_snapshots') }}
    where jira_sprint_id in (select sprints.jira_sprint_id from sprints)
    order by jira_sprint_id, snapshot_date desc
),

-- What leaves with the closing was in the sprint when it was closed, as in sprint_snapshots.
held as (
    select
        sprints.jira_sprint_id,
        ledger.ticket_id,
        sprints.starts_at,
        sprints.last_moment,
        bool_or(
            ledger.entered_at <= sprints.starts_at and coalesce(ledger.left_at > sprints.starts_at, true)
        ) as is_committed,
        bool_or(
            ledger.entered_at <= sprints.last_moment and coalesce(ledger.left_at > sprints.starts_at, true)
        ) as is_known,
        bool_or(
            ledger.entered_at <= sprints.last_moment
            and coalesce(
                ledger.left_at > sprints.starts_at
                and (ledger.left_at > sprints.last_moment or sprints.is_final and ledger.left_at = sprints.last_moment),
                true
            )
        ) as is_in
    from sprints
    inner join {{ ref('work_item_sprints') }} as ledger on sprints.jira_sprint_id = ledger.jira_sprint_id
    group by sprints.jira_sprint_id, ledger.ticket_id, sprints.starts_at, sprints.last_moment
),

stage_intervals as (
    select *
    from {{ ref('work_item_stage_intervals') }}
    where ticket_id in (select held.ticket_id from held)
),

estimates as (
    select
        ticket_id,
        event_id,
        event_type,
        event_timestamp,
        story_points
    from {{ ref('work_item_events') }}
    where ticket_id in (select held.ticket_id from held)
),

tickets as (
    select ticket_id, story_points
    from {{ ref('work_item_attributes') }}
    where ticket_id in (select held.ticket_id from held)
),

-- The estimate that the last event until then carried: a later one is not what the sprint delivered.
estimated as (
    select distinct on (held.jira_sprint_id, held.ticket_id)
        held.jira_sprint_id,
        held.ticket_id,
        estimates.story_points
    from held
    inner join estimates on held.ticket_id = estimates.ticket_id and estimates.event_timestamp <= held.last_moment
    order by
        held.jira_sprint_id,
        held.ticket_id,
        estimates.event_timestamp desc,
        {{ event_type_rank('estimates.event_type') }} desc,
        estimates.event_id desc
),

placed as (
    select
        held.*,
        coalesce(estimated.story_points, tickets.story_points) as story_points,
        held.is_in and coalesce(stage_intervals.stage = 'done', false) as is_completed,
        held.is_in and coalesce(stage_intervals.stage = 'done', false)
        and stage_intervals.started_at > held.starts_at as is_completed_in_sprint,
        held.is_in and coalesce(stage_intervals.stage = 'cancelled', false) as is_cancelled
    from held
    left join stage_intervals
        on
            held.ticket_id = stage_intervals.ticket_id
            and stage_intervals.started_at <= held.last_moment
            and coalesce(stage_intervals.ended_at > held.last_moment, true)
    left join estimated on held.jira_sprint_id = estimated.jira_sprint_id and held.ticket_id = estimated.ticket_id
    left join tickets on held.ticket_id = tickets.ticket_id
),

{% set parts = {
    'committed': 'is_committed',
    'completed': 'is_completed',
    'completed_of_committed': 'is_committed and is_completed',
    'velocity': 'is_completed_in_sprint',
    'added': 'is_known and not is_committed',
    'removed': 'is_known and not is_in',
    'cancelled': 'is_cancelled',
    'carried_over': 'is_in and not is_completed and not is_cancelled',
} -%}
counted as (
    select
        jira_sprint_id,
        {%- for name, condition in parts.items() %}
        count(*) filter (where {{ condition }}) as {{ name }}_count,
        sum(story_points) filter (where {{ condition }}) as {{ name }}_points,
        {%- endfor %}
        count(*) filter (where is_known and story_points is null) as unestimated_count,
        array_agg(ticket_id order by ticket_id) as ticket_ids
    from placed
    group by jira_sprint_id
),

final as (
    select
        sprints.jira_sprint_id,
        sprints.sprint_id,
        sprints.name,
        coalesce(sprints.delivery_stream_id, snapshots.delivery_stream_id) as delivery_stream_id,
        sprints.starts_at,
        sprints.ends_at,
        case when sprints.is_final then sprints.closed_at end as ended_at,
        sprints.is_final,
        {%- for name in parts %}
        coalesce(counted.{{ name }}_count, 0)::integer as {{ name }}_count,
        trim_scale(counted.{{ name }}_points) as {{ name }}_points,
        {%- endfor %}
        coalesce(counted.unestimated_count, 0)::integer as unestimated_count,
        round(counted.completed_of_committed_count * 100.0 / nullif(counted.committed_count, 0), 4)
            as commitment_accuracy_pct,
        round(
            coalesce(counted.completed_of_committed_points, 0) * 100.0 / nullif(counted.committed_points, 0), 4
        ) as commitment_accuracy_points_pct,
        counted.ticket_ids
    from sprints
    left join counted on sprints.jira_sprint_id = counted.jira_sprint_id
    left join snapshots on sprints.jira_sprint_id = snapshots.jira_sprint_id
)

select * from final
