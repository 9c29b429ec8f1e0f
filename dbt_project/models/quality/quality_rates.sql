-- How complete the input of the last 90 days is: the rates of specification 004 §5.6, against their targets.
{{ config(materialized='table') }}

with stream_list as (
    select * from {{ ref('stream_list') }}
),

rates as (
    {{ quality_rate_rows() }}
),

pr_cycles as (
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

defects as (
    select *
    from ({{ current_defects() }}) as current_defects
    where
        logged_at > {{ as_of() }} - interval '90 days'
        and logged_at <= {{ as_of() }}
),

pulse_aggregates as (
    select * from {{ ref('pulse_aggregates') }}
    where survey_period >= to_char(({{ as_of() }} - interval '90 days') at time zone '{{ var("timezone") }}', 'YYYY-MM')
),

teams as (
    select
        stream_id,
        team_size
    from {{ source('config', 'delivery_streams') }}
    where is_active and team_size > 0
),

-- Which technology a delivery stream works on is what its tickets say, and its pull requests are those of it: an
-- unlinked one belongs to no delivery stream, so that a rate of its own would always be 100.
technology_of_delivery as (
    select distinct
        work_items.delivery_stream_id,
        tech.stream_id as tech_stream_id
    from work_items
    cross join lateral unnest(work_items.tech_stream_ids) as tech (stream_id)
    where work_items.delivery_stream_id is not null
),

projects_of_delivery as (
    select distinct
        delivery_stream_id,
        jira_project_key
    from work_items
    where delivery_stream_id is not null
),

-- Of every rate by technology stream, those that belong to none under NULL.
by_technology as (
    select
        'pr_ticket_linkage_rate' as metric_name,
        tech_stream_id,
        count(*) as rated,
        count(linked_ticket_id) as complete
    from pr_cycles
    group by tech_stream_id
    union all
    select
        'deployment_traceability_rate' as metric_name,
        tech_stream_id,
        count(*) as rated,
        count(linked_ticket_id) as complete
    from deployment_records
    group by tech_stream_id
),

by_project as (
    select
        jira_project_key,
        count(*) as rated,
        count(delivery_stream_id) as complete
    from work_items
    group by jira_project_key
),

-- The newest survey with averages; the first answers of one that is still open are none.
newest_survey as (
    select coalesce(max(survey_period) filter (where not is_suppressed), max(survey_period)) as survey_period
    from pulse_aggregates
),

-- A team of which nobody answered counts with its whole size; more answers than people are everybody.
by_team as (
    select
        teams.stream_id as delivery_stream_id,
        teams.team_size as rated,
        least(coalesce(pulse_aggregates.response_count, 0), teams.team_size) as complete
    from teams
    inner join newest_survey on newest_survey.survey_period is not null
    left join pulse_aggregates
        on
            teams.stream_id = pulse_aggregates.delivery_stream_id
            and newest_survey.survey_period = pulse_aggregates.survey_period
),

counted as (
    select metric_name, 'tech' as stream_type, tech_stream_id as stream_id, rated, complete
    from by_technology
    union all
    select by_technology.metric_name, 'delivery', technology_of_delivery.delivery_stream_id, by_technology.rated,
        by_technology.complete
    from by_technology
    inner join technology_of_delivery on by_technology.tech_stream_id = technology_of_delivery.tech_stream_id
    union all
    select metric_name, 'all', '{{ all_streams_id() }}'::uuid, rated, complete
    from by_technology
    union all
    select 'ticket_stream_tagging_rate', 'tech', tech.stream_id, count(*), count(work_items.delivery_stream_id)
    from work_items
    cross join lateral unnest(work_items.tech_stream_ids) as tech (stream_id)
    group by tech.stream_id
    union all
    select 'ticket_stream_tagging_rate', 'delivery', projects_of_delivery.delivery_stream_id, by_project.rated,
        by_project.complete
    from by_project
    inner join projects_of_delivery on by_project.jira_project_key = projects_of_delivery.jira_project_key
    union all
    select 'ticket_stream_tagging_rate', 'all', '{{ all_streams_id() }}'::uuid, rated, complete
    from by_project
    union all
    select 'defect_origin_attribution_rate', 'tech', tech.stream_id, count(*), count(defects.introduced_in_stage)
    from defects
    cross join lateral unnest(defects.tech_stream_ids) as tech (stream_id)
    group by tech.stream_id
    union all
    select 'defect_origin_attribution_rate', 'delivery', delivery_stream_id, count(*), count(introduced_in_stage)
    from defects
    group by delivery_stream_id
    union all
    select 'defect_origin_attribution_rate', 'all', '{{ all_streams_id() }}'::uuid, count(*), count(introduced_in_stage)
    from defects
    union all
    select 'pulse_response_rate', 'delivery', delivery_stream_id, rated, complete
    from by_team
    union all
    select 'pulse_response_rate', 'all', '{{ all_streams_id() }}'::uuid, rated, complete
    from by_team
),

totals as (
    select
        metric_name,
        stream_type,
        stream_id,
        sum(rated) as rated,
        sum(complete) as complete
    from counted
    group by metric_name, stream_type, stream_id
),

final as (
    select
        stream_list.stream_type,
        stream_list.stream_id,
        rates.metric_name,
        rates.display_name,
        round(100.0 * totals.complete / nullif(totals.rated, 0), 2) as rate_pct,
        rates.target_pct,
        coalesce(100.0 * totals.complete / nullif(totals.rated, 0) < rates.target_pct, false) as is_below_target,
        coalesce(totals.rated, 0)::integer as sample_size,
        coalesce(totals.complete, 0)::integer as complete_count,
        rates.rated_over
    from stream_list
    inner join rates on stream_list.stream_type = rates.stream_type
    left join totals
        on
            stream_list.stream_type = totals.stream_type
            and stream_list.stream_id = totals.stream_id
            and rates.metric_name = totals.metric_name
)

select * from final
