-- Production deployments of each repository by week (003).
{{ config(indexes=[{'columns': ['repo_full_name', 'week'], 'unique': true}, {'columns': ['repository_id', 'week']}]) }}

with deployments as (
    select
        date_trunc('week', {{ local_date('deployed_at') }})::date as week,
        repo_full_name,
        repo_id,
        duration_seconds,
        status
    from {{ ref('deployment_records') }}
    where environment = 'production' and repo_full_name is not null and deployed_at <= {{ as_of() }}
),

-- A week without a deployment is a row, too: its frequency is zero, and its rates are unknown.
weeks as (
    select
        histories.repo_full_name,
        histories.repo_id,
        generated.week::date as week
    from (
        select
            repo_full_name,
            repo_id,
            min(week) as first_week
        from deployments
        group by repo_full_name, repo_id
    ) as histories
    cross join generate_series(
        histories.first_week::timestamp, {{ local_date(as_of()) }}::timestamp, interval '1 week'
    ) as generated (week)
),

final as (
    select
        weeks.week,
        weeks.repo_id as repository_id,
        weeks.repo_full_name,
        count(deployments.status)::integer as deployment_count,
        avg(deployments.duration_seconds)::double precision as avg_duration,
        count(*) filter (where deployments.status in ('failed', 'rolled_back'))::integer as failed_count,
        trim_scale(round(count(deployments.status) / 7.0, 6)) as deployment_frequency,
        trim_scale(round(
            count(*) filter (where deployments.status in ('failed', 'rolled_back'))::numeric
            / nullif(count(deployments.status), 0),
            6
        )) as change_failure_rate
    from weeks
    left join deployments
        on weeks.repo_full_name = deployments.repo_full_name and weeks.week = deployments.week
    group by weeks.week, weeks.repo_id, weeks.repo_full_name
)

select * from final
