-- What was delivered in each month, by repository, team, organisation and all together.
{{ config(post_hook="{{ finish_table(
    unique=['(scope_type, scope_id, scope_name, month) nulls not distinct']
) }}") }}

with deployments as (
    select
        repo_full_name,
        repo_id,
        {{ month_of('deployed_at') }} as month,
        status = 'failed' or status = 'rolled_back' or caused_incident as is_failure
    from {{ ref('deployment_records') }}
    where environment = 'production' and repo_full_name is not null and deployed_at <= {{ as_of() }}
),

lead_times as (
    select
        repo_full_name,
        {{ month_of('deployed_at') }} as month,
        lead_time_hrs
    from {{ ref('deployment_changes') }}
    where repo_full_name is not null and deployed_at <= {{ as_of() }}
),

registered as (
    {{- registered_repositories() }}
),

outages as (
    select
        registered.present_full_name as repo_full_name,
        registered.repo_id,
        {{ month_of('outages.resolved_at') }} as month,
        outages.time_to_restore_min
    from {{ ref('incident_records') }} as outages
    inner join registered on outages.repo_id = registered.repo_id
    where outages.resolved_at <= {{ as_of() }}
),

pull_requests as (
    select
        repo_full_name,
        repo_id,
        {{ month_of('merged_at') }} as month
    from {{ ref('pr_cycles') }}
    where merged_at <= {{ as_of() }} and {{ counts_for_metrics('is_bot') }}
),

commits as (
    select
        repo_full_name,
        repository_id as repo_id,
        date_trunc('month', day)::date as month,
        commit_count,
        total_lines_added,
        total_lines_deleted
    from {{ ref('daily_commit_stats') }}
),

-- What can be added up is added up by repository first.
counted as (
    select
        repo_full_name,
        repo_id,
        month,
        sum(deployment_count) as deployment_count,
        sum(failure_count) as failure_count,
        sum(merged_pr_count) as merged_pr_count,
        sum(commit_count) as commit_count,
        sum(lines_added) as lines_added,
        sum(lines_deleted) as lines_deleted,
        sum(outage_count) as outage_count
    from (
        select
            repo_full_name,
            repo_id,
            month,
            count(*) as deployment_count,
            count(*) filter (where is_failure) as failure_count,
            null::bigint as merged_pr_count,
            null::bigint as commit_count,
            null::bigint as lines_added,
            null::bigint as lines_deleted,
            null::bigint as outage_count
        from deployments
        group by repo_full_name, repo_id, month
        union all
        select repo_full_name, repo_id, month, null, null, count(*), null, null, null, null
        from pull_requests
        group by repo_full_name, repo_id, month
        union all
        select
            repo_full_name,
            repo_id,
            month,
            null,
            null,
            null,
            sum(commit_count),
            sum(total_lines_added),
            sum(total_lines_deleted),
            null
        from commits
        group by repo_full_name, repo_id, month
        union all
        select repo_full_name, repo_id, month, null, null, null, null, null, null, count(*)
        from outages
        group by repo_full_name, repo_id, month
    ) as added
    group by repo_full_name, repo_id, month
),

repositories as (
    select
        repo_full_name,
        min(repo_id::text)::uuid as repo_id
    from counted
    group by repo_full_name
),

scopes as materialized (
    {{- scopes_of_repositories('repositories') }}
),

by_scope as (
    select
        scopes.scope_type,
        scopes.scope_id,
        scopes.scope_name,
        counted.month,
        sum(counted.deployment_count)::integer as deployment_count,
        sum(counted.failure_count)::integer as failure_count,
        sum(counted.merged_pr_count)::integer as merged_pr_count,
        sum(counted.commit_count)::integer as commit_count,
        sum(counted.lines_added)::bigint as lines_added,
        sum(counted.lines_deleted)::bigint as lines_deleted,
        sum(counted.outage_count)::integer as outage_count
    from counted
    inner join scopes on counted.repo_full_name = scopes.repo_full_name
    group by scopes.scope_type, scopes.scope_id, scopes.scope_name, counted.month
),

-- A month without a deployment is zero from the first deployment on; before it nothing is known. Commits likewise.
beginnings as (
    select
        scope_type,
        scope_id,
        scope_name,
        min(month) as first_month,
        min(month) filter (where deployment_count > 0) as first_deployment_month,
        min(month) filter (where merged_pr_count > 0) as first_merge_month,
        min(month) filter (where commit_count > 0) as first_commit_month
    from by_scope
    group by scope_type, scope_id, scope_name
),

months as (
    select
        beginnings.*,
        generated.month::date as month
    from beginnings
    cross join generate_series(
        beginnings.first_month::timestamp, {{ local_date(as_of()) }}::timestamp, interval '1 month'
    ) as generated (month)
),

lead_time_medians as (
    select
        scopes.scope_type,
        scopes.scope_id,
        scopes.scope_name,
        lead_times.month,
        percentile_cont(0.5) within group (order by lead_times.lead_time_hrs) as lead_time_median_hrs
    from lead_times
    inner join scopes on lead_times.repo_full_name = scopes.repo_full_name
    group by scopes.scope_type, scopes.scope_id, scopes.scope_name, lead_times.month
),

restore_medians as (
    select
        scopes.scope_type,
        scopes.scope_id,
        scopes.scope_name,
        outages.month,
        percentile_cont(0.5) within group (order by outages.time_to_restore_min) as ttr_median_min
    from outages
    inner join scopes on outages.repo_full_name = scopes.repo_full_name
    group by scopes.scope_type, scopes.scope_id, scopes.scope_name, outages.month
),

final as (
    select
        months.month,
        months.scope_type,
        months.scope_id,
        months.scope_name,
        case when months.month >= months.first_deployment_month then coalesce(by_scope.deployment_count, 0) end
            as deployment_count,
        case when months.month >= months.first_deployment_month then coalesce(by_scope.failure_count, 0) end
            as failure_count,
        trim_scale(round(by_scope.failure_count * 100.0 / nullif(by_scope.deployment_count, 0), 4))
            as change_failure_rate_pct,
        trim_scale(round(lead_time_medians.lead_time_median_hrs::numeric, 6)) as lead_time_median_hrs,
        coalesce(by_scope.outage_count, 0) as outage_count,
        trim_scale(round(restore_medians.ttr_median_min::numeric, 4)) as ttr_median_min,
        case when months.month >= months.first_commit_month then coalesce(by_scope.commit_count, 0) end as commit_count,
        case when months.month >= months.first_merge_month then coalesce(by_scope.merged_pr_count, 0) end
            as merged_pr_count,
        by_scope.lines_added,
        by_scope.lines_deleted
    from months
    left join by_scope
        on
            months.scope_type = by_scope.scope_type
            and months.scope_name = by_scope.scope_name
            and months.scope_id is not distinct from by_scope.scope_id
            and months.month = by_scope.month
    left join lead_time_medians
        on
            months.scope_type = lead_time_medians.scope_type
            and months.scope_name = lead_time_medians.scope_name
            and months.scope_id is not distinct from lead_time_medians.scope_id
            and months.month = lead_time_medians.month
    left join restore_medians
        on
            months.scope_type = restore_medians.scope_type
            and months.scope_name = restore_medians.scope_name
            and months.scope_id is not distinct from restore_medians.scope_id
            and months.month = restore_medians.month
)

select * from final
