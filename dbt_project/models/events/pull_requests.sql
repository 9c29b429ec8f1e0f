{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='pull_request_key',
    indexes=[
        {'columns': ['pull_request_key'], 'unique': true},
        {'columns': ['repo_full_name', 'merge_commit_sha']},
        {'columns': ['repo_full_name', 'branch_name']},
        {'columns': ['linked_ticket_id']},
        {'columns': ['candidate_ticket_ids'], 'type': 'gin'},
        {'columns': ['revision']},
    ],
    meta={'touched': 'touched_pull_requests', 'touched_key': 'pull_request_key', 'volatile': ['revision']},
    pre_hook="{{ begin_build(configuration_fingerprint(
        ['repositories', 'tech_streams', 'github_installations', 'jira_projects', 'status_mappings', 'bots']
    ) ~ ' || ' ~ repository_names_fingerprint()) }}",
    post_hook="{{ end_build() }}",
) }}

-- 004 §5.3.4; a technology stream may have a pattern of its own.
{%- set default_ticket_pattern = '^(?:feature|bugfix|hotfix|chore|spike)?/?([A-Z][A-Z0-9]+-\d+)' %}

with observations as (
    {{ union_of_sources(pull_request_sources(), pull_request_observation_columns()) }}
    union all
    {{ union_of_sources(review_sources(), pull_request_observation_columns()) }}
),

git_pull_requests as (
    select * from {{ ref('stg_git__pull_requests') }}
),

pushes as (
    select * from {{ ref('stg_github__pushes') }}
    where ref_kind = 'branch'
),

attributes as (
    select * from {{ ref('work_item_attributes') }}
),

tickets as (
    {{- tickets_by_every_key(['delivery_stream_id', 'ticket_type']) }}
),

incident_tickets as (
    select distinct ticket_id
    from {{ ref('incident_events') }}
    where ticket_id is not null
),

repositories as (
    {{- registered_repositories() }}
),

installations as (
    select * from {{ source('config', 'github_installations') }}
),

names as (
    select * from {{ ref('repository_names') }}
),

tech_streams as (
    select * from {{ source('config', 'tech_streams') }}
),

manual_links as (
    {{- present_manual_links() }}
),

bots as (
    select person_hash from {{ source('config', 'bots') }}
),

projects as (
    select upper(jira_project_key) as project_key from {{ source('config', 'jira_projects') }}
    union
    select upper(jira_project_key) from {{ source('config', 'status_mappings') }}
),

configured as (
    select count(*) as project_count from projects
),

revision as materialized (
    select {{ next_revision() }} as revision
),

touched as materialized (
    select
        keys.pull_request_key,
        substring(keys.pull_request_key from '^(.+)#') as repo_full_name,
        substring(keys.pull_request_key from '#(\d+)$') as pr_number
    from (
        {% if is_incremental() %}
        {{ touched_pull_requests() }}
        {% else %}
        {{ present_keys('observations') }}
        union
        {{ present_keys('git_pull_requests') }}
        {% endif %}
    ) as keys
    -- What stands under a former name goes.
    left join names on names.former_full_name = substring(keys.pull_request_key from '^(.+)#')
    where names.former_full_name is null
),

said as materialized (
    {{- said_keys('touched') }}
),

observed as materialized (
    select
        said.pull_request_key,
        said.repo_full_name,
        {{ pull_request_observation_columns(without=['pull_request_key', 'repo_full_name']) }}
    from observations
    inner join said on observations.pull_request_key = said.said_key
),

-- By the vendor's clock, not by arrival: a late delivery does not undo a newer one.
newest as (
    select distinct on (pull_request_key) *
    from observed
    order by
        pull_request_key asc,
        updated_at desc,
        (merged_at is not null) desc,
        (closed_at is not null) desc,
        {{ newest_telling() }}
),

oldest as (
    select distinct on (pull_request_key)
        pull_request_key,
        case action
            when 'ready_for_review' then true
            when 'converted_to_draft' then false
            else is_draft
        end as was_opened_as_draft
    from observed
    order by pull_request_key asc, updated_at asc, (action = 'opened') desc, {{ oldest_telling() }}
),

-- Deliveries of reviews carry no sizes.
newest_sizes as (
    select distinct on (pull_request_key)
        pull_request_key,
        lines_added,
        lines_removed,
        files_changed,
        comments_count
    from observed
    where lines_added is not null
    order by pull_request_key asc, updated_at desc, {{ newest_telling() }}
),

-- A merge is never undone, so one delivery that tells of it is enough.
merge_commits as (
    select distinct on (pull_request_key)
        pull_request_key,
        merged_at,
        merge_commit_sha
    from observed
    where merged_at is not null
    -- Bitbucket's deliveries shorten the commit.
    order by pull_request_key asc, length(merge_commit_sha) desc nulls last, updated_at desc, {{ newest_telling() }}
),

lives as (
    select
        pull_request_key,
        min(opened_at) as opened_at,
        min(updated_at) filter (where not is_draft) as first_seen_ready_at,
        {{ first_of('ready_at', 'updated_at desc, ' ~ newest_telling()) }} as marked_ready_at,
        {{ first_of('first_commit_at', 'updated_at desc, ' ~ newest_telling()) }} as first_commit_at,
        {{ first_of('installation_id', 'updated_at desc, ' ~ newest_telling()) }} as installation_id,
        max(landing_id) as last_landing_id
    from observed
    group by pull_request_key
),

from_vendor as (
    select
        newest.pull_request_key,
        newest.source,
        newest.repo_full_name,
        newest.pr_number,
        newest.default_branch,
        newest.title,
        newest.body_ticket_keys,
        newest.author_hash,
        newest.author_is_bot,
        newest.branch_name,
        newest.base_branch,
        newest.head_sha,
        newest.label_names,
        merge_commits.merged_at,
        newest.closed_at,
        merge_commits.merge_commit_sha,
        newest_sizes.lines_added,
        newest_sizes.lines_removed,
        newest_sizes.files_changed,
        newest_sizes.comments_count,
        lives.last_landing_id,
        lives.installation_id,
        lives.opened_at,
        lives.first_commit_at,
        coalesce(
            lives.marked_ready_at,
            case when oldest.was_opened_as_draft then lives.first_seen_ready_at else lives.opened_at end
        ) as ready_at
    from newest
    inner join lives on newest.pull_request_key = lives.pull_request_key
    inner join oldest on newest.pull_request_key = oldest.pull_request_key
    left join merge_commits on newest.pull_request_key = merge_commits.pull_request_key
    left join newest_sizes on newest.pull_request_key = newest_sizes.pull_request_key
),

-- A clone that was read under a former name may tell of it again.
from_git as (
    select distinct on (said.pull_request_key)
        said.pull_request_key,
        said.repo_full_name,
        git_pull_requests.pr_number,
        git_pull_requests.title,
        git_pull_requests.author_hash,
        git_pull_requests.branch_name,
        git_pull_requests.first_commit_at,
        git_pull_requests.merged_at,
        git_pull_requests.merge_commit_sha,
        git_pull_requests.lines_added,
        git_pull_requests.lines_removed,
        git_pull_requests.files_changed,
        git_pull_requests.load_id
    from git_pull_requests
    inner join said on git_pull_requests.pull_request_key = said.said_key
    left join names on git_pull_requests.repo_full_name = names.former_full_name
    order by said.pull_request_key, names.distance nulls first, git_pull_requests.repo_full_name
),

-- The vendor knows more; the history fills what it did not tell and pull requests of which it told nothing.
known as (
    select
        coalesce(from_vendor.pull_request_key, from_git.pull_request_key) as pull_request_key,
        coalesce(from_vendor.repo_full_name, from_git.repo_full_name) as repo_full_name,
        coalesce(from_vendor.pr_number, from_git.pr_number) as pr_number,
        from_vendor.source,
        from_vendor.pull_request_key is null as is_from_git_only,
        from_vendor.default_branch,
        coalesce(from_vendor.title, from_git.title) as title,
        coalesce(from_vendor.body_ticket_keys, '{}') as body_ticket_keys,
        coalesce(from_vendor.author_hash, from_git.author_hash) as author_hash,
        coalesce(from_vendor.author_is_bot, false) as author_is_bot,
        coalesce(from_vendor.branch_name, from_git.branch_name) as branch_name,
        from_vendor.base_branch,
        from_vendor.head_sha,
        coalesce(from_vendor.label_names, '{}') as label_names,
        coalesce(from_vendor.opened_at, from_git.first_commit_at, from_git.merged_at) as opened_at,
        case
            when from_vendor.pull_request_key is null then coalesce(from_git.first_commit_at, from_git.merged_at)
            else from_vendor.ready_at
        end as ready_at,
        coalesce(from_vendor.first_commit_at, from_git.first_commit_at) as first_commit_at,
        coalesce(from_vendor.merged_at, from_git.merged_at) as merged_at,
        from_vendor.closed_at,
        coalesce(from_vendor.merge_commit_sha, from_git.merge_commit_sha) as merge_commit_sha,
        coalesce(from_vendor.lines_added, from_git.lines_added) as lines_added,
        coalesce(from_vendor.lines_removed, from_git.lines_removed) as lines_removed,
        coalesce(from_vendor.files_changed, from_git.files_changed) as files_changed,
        from_vendor.comments_count,
        from_vendor.last_landing_id,
        from_vendor.installation_id,
        from_git.load_id as git_load_id
    from from_vendor
    full outer join from_git on from_vendor.pull_request_key = from_git.pull_request_key
),

-- The push that created the branch, the last time before the pull request: branches are named again.
first_pushes as (
    select
        known.pull_request_key,
        max(pushes.pushed_at) as pushed_at
    from known
    inner join said on known.pull_request_key = said.pull_request_key
    inner join pushes
        on
            said.said_full_name = pushes.repo_full_name
            and known.branch_name = pushes.ref_name
            and known.opened_at >= pushes.pushed_at
    group by known.pull_request_key
),

placed as (
    select
        known.*,
        coalesce(known.first_commit_at, first_pushes.pushed_at) as work_began_at,
        -- GitLab's groups hold groups: the organisation is everything above the repository.
        substring(known.repo_full_name from '^(.+)/[^/]+$') as github_org,
        substring(known.repo_full_name from '([^/]+)$') as github_repo,
        repositories.repo_id,
        repositories.provider,
        coalesce(repositories.tech_stream_id, origin.stream_id) as tech_stream_id,
        repositories.default_branch as configured_default_branch,
        coalesce(tech_streams.ticket_pattern, '{{ default_ticket_pattern }}') as ticket_pattern
    from known
    left join first_pushes on known.pull_request_key = first_pushes.pull_request_key
    left join repositories on lower(known.repo_full_name) = lower(repositories.present_full_name)
    left join lateral (
        {{- stream_of_origin('known.repo_full_name', 'known.installation_id', 'repositories.repo_id is null') }}
    ) as origin on true
    left join tech_streams on tech_streams.stream_id = coalesce(repositories.tech_stream_id, origin.stream_id)
),

{{ ticket_link_ctes() }},

-- A manual link is a correction, so it wins over what was written.
linked as (
    select
        placed.*,
        coalesce(manual_links.ticket_id, recognised.ticket_id) as named_ticket_id,
        case when manual_links.ticket_id is not null then 'manual' else recognised.link_method end as link_method,
        array_remove(coalesce(all_candidates.ticket_ids, '{}') || manual_links.ticket_id, null) as candidate_ticket_ids
    from placed
    left join recognised on placed.pull_request_key = recognised.pull_request_key
    left join all_candidates on placed.pull_request_key = all_candidates.pull_request_key
    left join manual_links
        on placed.repo_full_name = manual_links.repo_full_name and placed.pr_number = manual_links.pr_number
),

final as (
    select
        linked.pull_request_key,
        coalesce(linked.source, linked.provider, 'github') as source,
        linked.repo_full_name,
        linked.github_org,
        linked.github_repo,
        linked.repo_id,
        linked.pr_number,
        linked.tech_stream_id,
        tickets.delivery_stream_id,
        coalesce(tickets.ticket_id, linked.named_ticket_id) as linked_ticket_id,
        linked.link_method,
        linked.candidate_ticket_ids,
        linked.is_from_git_only,
        linked.author_hash,
        linked.author_is_bot or bots.person_hash is not null as is_bot,
        (
            coalesce(linked.branch_name, '') ~* '^hotfix/'
            or 'hotfix' = any(linked.label_names)
            or incident_tickets.ticket_id is not null
            or coalesce(tickets.ticket_type = 'incident', false)
        ) as is_hotfix,
        linked.title,
        linked.branch_name,
        linked.base_branch,
        -- The history holds merges to the default branch alone. The registry's branch may be only its default.
        (
            linked.base_branch is null
            or coalesce(linked.base_branch = linked.configured_default_branch, false)
            or coalesce(linked.base_branch = linked.default_branch, false)
            or coalesce(linked.configured_default_branch, linked.default_branch) is null
        ) as is_to_default_branch,
        linked.head_sha,
        linked.label_names,
        case
            when linked.merged_at is not null then 'merged'
            when linked.closed_at is not null then 'closed'
            else 'open'
        end as state,
        linked.work_began_at as first_commit_at,
        linked.opened_at,
        linked.ready_at,
        linked.merged_at,
        coalesce(linked.merged_at, linked.closed_at) as closed_at,
        linked.merge_commit_sha,
        linked.lines_added,
        linked.lines_removed,
        linked.files_changed,
        linked.comments_count,
        linked.last_landing_id,
        linked.git_load_id,
        revision.revision
    from linked
    cross join revision
    left join tickets on linked.named_ticket_id = tickets.named_ticket_id
    left join incident_tickets on incident_tickets.ticket_id = coalesce(tickets.ticket_id, linked.named_ticket_id)
    left join bots on linked.author_hash = bots.person_hash
    where linked.opened_at is not null
)

select * from final
