{{ config(materialized='table', indexes=[{'columns': ['record_id'], 'unique': true}]) }}

with live_runs as (
    select * from {{ ref('deployment_runs') }}
    -- A ticket's deployment has no repository, so nothing that it could follow or take over.
    where environment = 'production' and went_live and repo_full_name is not null
),

positions as (
    select * from {{ ref('commit_positions') }}
),

merge_commits as (
    select
        repo_full_name,
        merge_commit_sha,
        min(merged_at) as merged_at
    from {{ ref('pull_requests') }}
    where merge_commit_sha is not null
    group by repo_full_name, merge_commit_sha
),

commits as (
    {{- present_commits() }}
),

histories as (
    select
        repo_full_name,
        max(committed_at) as newest_commit_at
    from commits
    group by repo_full_name
),

-- Services of one repository that are deployed apart follow each other, not one another's neighbours.
repositories_of_services as (
    select repo_full_name
    from live_runs
    group by repo_full_name
    having count(distinct service_name) > 1
),

described as (
    select
        live_runs.record_id,
        live_runs.deployment_id,
        live_runs.repo_full_name,
        live_runs.repo_full_name
        || case
            when repositories_of_services.repo_full_name is not null then '/' || coalesce(live_runs.service_name, '')
            else ''
        end as line,
        live_runs.deployed_at,
        live_runs.is_stated_rollback,
        live_runs.stated_rollback_at,
        live_runs.commit_sha,
        live_runs.artefact_version,
        coalesce(live_runs.commit_sha, live_runs.artefact_version) as what_is_live,
        positions.contained_position,
        positions.merged_position,
        positions.side_ancestor_shas,
        positions.commit_sha is not null as is_in_history,
        -- A commit that the fetched history should hold and does not was never on the default branch.
        (
            live_runs.commit_sha is not null
            and positions.commit_sha is null
            and coalesce(histories.newest_commit_at >= live_runs.deployed_at, false)
        ) as is_outside_history,
        merge_commits.merged_at,
        case
            when live_runs.artefact_version ~* '^v?\d{1,9}([.]\d{1,9})*$'
                then string_to_array(ltrim(lower(live_runs.artefact_version), 'v'), '.')::bigint[]
        end as version_numbers
    from live_runs
    left join positions
        on live_runs.repo_full_name = positions.repo_full_name and live_runs.commit_sha = positions.commit_sha
    left join merge_commits
        on
            live_runs.repo_full_name = merge_commits.repo_full_name
            and live_runs.commit_sha = merge_commits.merge_commit_sha
    left join histories on live_runs.repo_full_name = histories.repo_full_name
    left join repositories_of_services on live_runs.repo_full_name = repositories_of_services.repo_full_name
),

in_sequence as (
    select
        described.*,
        row_number() over (
            partition by described.line
            order by described.deployed_at, described.contained_position nulls first, described.deployment_id
        ) as sequence_number,
        min(described.deployed_at) over (partition by described.line, described.what_is_live) as first_live_at
    from described
),

compared as (
    select
        current_run.*,
        running.record_id as running_record_id,
        running.deployed_at as running_since,
        coalesce(
            current_run.commit_sha = running.commit_sha
            or (
                (current_run.commit_sha is null or running.commit_sha is null)
                and current_run.artefact_version = running.artefact_version
            ),
            false
        ) as is_no_op,
        -- Versions lie (v703 may be older than v702), so the history decides where it knows both.
        coalesce(
            case
                when current_run.is_outside_history or running.is_outside_history then false
                when current_run.is_in_history and running.is_in_history
                    then
                        coalesce(current_run.merged_position <= running.contained_position, false)
                        or current_run.commit_sha = any(running.side_ancestor_shas)
                when current_run.merged_at is not null and running.merged_at is not null
                    then current_run.merged_at < running.merged_at
                when current_run.version_numbers is not null and running.version_numbers is not null
                    then current_run.version_numbers < running.version_numbers
                when current_run.what_is_live is not null and running.what_is_live is not null
                    then current_run.first_live_at < running.first_live_at
            end,
            false
        ) as is_older
    from in_sequence as current_run
    left join in_sequence as running
        on current_run.line = running.line and running.sequence_number = current_run.sequence_number - 1
),

judged as (
    select
        compared.*,
        -- Two pipelines that finish within a minute in the wrong order are a race, not a decision.
        (
            compared.is_older
            and not compared.is_no_op
            and not compared.is_stated_rollback
            and compared.deployed_at
            < compared.running_since + interval '{{ var("rollback_race_seconds", 60) }} seconds'
        ) as is_race,
        (
            compared.is_older
            and not compared.is_no_op
            and not compared.is_stated_rollback
            and compared.deployed_at
            >= compared.running_since + interval '{{ var("rollback_race_seconds", 60) }} seconds'
        ) as is_inferred_rollback
    from compared
),

final as (
    select
        judged.record_id,
        judged.line,
        judged.sequence_number,
        judged.repo_full_name,
        judged.deployed_at,
        judged.commit_sha,
        judged.is_no_op,
        judged.is_stated_rollback or judged.is_inferred_rollback as is_rollback,
        least(
            judged.stated_rollback_at,
            case when next_run.is_inferred_rollback then next_run.deployed_at end
        ) as rollback_at,
        judged.is_outside_history,
        judged.contained_position,
        coalesce(judged.merged_at, judged.deployed_at) as cutoff_at,
        -- The next deployment's changes begin here, unless this one changed nothing that stayed: then before it.
        (
            not judged.is_race
            and not judged.is_outside_history
            and not coalesce(judged.stated_rollback_at <= coalesce(next_run.deployed_at, 'infinity'), false)
        ) as moves_the_line
    from judged
    left join judged as next_run
        on judged.line = next_run.line and next_run.sequence_number = judged.sequence_number + 1
)

select * from final
