{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='pull_request_key',
    indexes=[
        {'columns': ['pull_request_key'], 'unique': true},
        {'columns': ['repo_full_name', 'merge_commit_sha']},
        {'columns': ['linked_ticket_id']},
        {'columns': ['candidate_ticket_ids'], 'type': 'gin'},
        {'columns': ['revision']},
    ],
    meta={'touched': 'touched_pull_requests', 'touched_key': 'pull_request_key', 'volatile': ['revision']},
    pre_hook="{{ begin_build(configuration_fingerprint(
        ['repositories', 'tech_streams', 'jira_projects', 'status_mappings', 'bots']
    )) }}",
    post_hook="{{ end_build() }}",
) }}

-- 004 §5.3.4; a technology stream may have a pattern of its own.
{%- set default_ticket_pattern = '^(?:feature|bugfix|hotfix|chore|spike)?/?([A-Z][A-Z0-9]+-\d+)' %}
{%- set delivery_columns %}
        landing_id, received_at, action, pull_request_key, repo_full_name, default_branch, pr_number, title,
        body_ticket_keys, author_hash, author_is_bot, is_draft, branch_name, head_sha, base_branch, label_names,
        opened_at, updated_at, merged_at, closed_at, merge_commit_sha, lines_added, lines_removed, files_changed,
        comments_count
{%- endset %}

with webhook_deliveries as (
    select {{ delivery_columns }}
    from {{ ref('stg_github__pull_requests') }}
    union all
    select {{ delivery_columns }}
    from {{ ref('stg_github__pull_request_reviews') }}
),

git_pull_requests as (
    select * from {{ ref('stg_git__pull_requests') }}
),

attributes as (
    select * from {{ ref('work_item_attributes') }}
),

-- A ticket that moved to another project answers to its former keys too.
tickets as (
    select distinct on (named.ticket_id)
        named.ticket_id as named_ticket_id,
        attributes.ticket_id,
        attributes.delivery_stream_id,
        attributes.ticket_type
    from attributes
    cross join lateral unnest(attributes.ticket_id || attributes.former_ticket_ids) as named (ticket_id)
    order by named.ticket_id, (named.ticket_id = attributes.ticket_id) desc
),

incident_tickets as (
    select distinct ticket_id
    from {{ ref('incident_events') }}
    where ticket_id is not null
),

repositories as (
    select * from {{ source('config', 'repositories') }}
),

tech_streams as (
    select * from {{ source('config', 'tech_streams') }}
),

manual_links as (
    select
        repo_full_name,
        pr_number,
        upper(ticket_id) as ticket_id
    from {{ source('config', 'manual_links') }}
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
    {% if is_incremental() %}
    {{ touched_pull_requests() }}
    {% else %}
    select pull_request_key from webhook_deliveries
    union
    select pull_request_key from git_pull_requests
    {% endif %}
),

deliveries as materialized (
    select webhook_deliveries.*
    from webhook_deliveries
    inner join touched on webhook_deliveries.pull_request_key = touched.pull_request_key
),

-- By the vendor's clock, not by arrival: a late delivery does not undo a newer one.
newest as (
    select distinct on (pull_request_key) *
    from deliveries
    order by
        pull_request_key asc,
        updated_at desc,
        (merged_at is not null) desc,
        (closed_at is not null) desc,
        landing_id desc
),

oldest as (
    select distinct on (pull_request_key)
        pull_request_key,
        case action
            when 'ready_for_review' then true
            when 'converted_to_draft' then false
            else is_draft
        end as was_opened_as_draft
    from deliveries
    order by pull_request_key asc, updated_at asc, (action = 'opened') desc, landing_id
),

-- Deliveries of reviews carry no sizes.
newest_sizes as (
    select distinct on (pull_request_key)
        pull_request_key,
        lines_added,
        lines_removed,
        files_changed,
        comments_count
    from deliveries
    where lines_added is not null
    order by pull_request_key asc, updated_at desc, landing_id desc
),

-- A merge is never undone, so one delivery that tells of it is enough.
merge_commits as (
    select distinct on (pull_request_key)
        pull_request_key,
        merged_at,
        merge_commit_sha
    from deliveries
    where merged_at is not null
    order by pull_request_key asc, updated_at desc, landing_id desc
),

lives as (
    select
        pull_request_key,
        min(opened_at) as opened_at,
        min(updated_at) filter (where not is_draft) as first_seen_ready_at,
        max(landing_id) as last_landing_id
    from deliveries
    group by pull_request_key
),

from_webhooks as (
    select
        newest.pull_request_key,
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
        lives.opened_at,
        case when oldest.was_opened_as_draft then lives.first_seen_ready_at else lives.opened_at end as ready_at
    from newest
    inner join lives on newest.pull_request_key = lives.pull_request_key
    inner join oldest on newest.pull_request_key = oldest.pull_request_key
    left join merge_commits on newest.pull_request_key = merge_commits.pull_request_key
    left join newest_sizes on newest.pull_request_key = newest_sizes.pull_request_key
),

from_git as (
    select git_pull_requests.*
    from git_pull_requests
    inner join touched on git_pull_requests.pull_request_key = touched.pull_request_key
),

-- A webhook knows more; the history fills what it does not know and pull requests of which none came.
known as (
    select
        coalesce(from_webhooks.pull_request_key, from_git.pull_request_key) as pull_request_key,
        coalesce(from_webhooks.repo_full_name, from_git.repo_full_name) as repo_full_name,
        coalesce(from_webhooks.pr_number, from_git.pr_number) as pr_number,
        from_webhooks.pull_request_key is null as is_from_git_only,
        from_webhooks.default_branch,
        coalesce(from_webhooks.title, from_git.title) as title,
        coalesce(from_webhooks.body_ticket_keys, '{}') as body_ticket_keys,
        coalesce(from_webhooks.author_hash, from_git.author_hash) as author_hash,
        coalesce(from_webhooks.author_is_bot, false) as author_is_bot,
        coalesce(from_webhooks.branch_name, from_git.branch_name) as branch_name,
        from_webhooks.base_branch,
        from_webhooks.head_sha,
        coalesce(from_webhooks.label_names, '{}') as label_names,
        coalesce(from_webhooks.opened_at, from_git.first_commit_at, from_git.merged_at) as opened_at,
        case
            when from_webhooks.pull_request_key is null then coalesce(from_git.first_commit_at, from_git.merged_at)
            else from_webhooks.ready_at
        end as ready_at,
        from_git.first_commit_at,
        coalesce(from_webhooks.merged_at, from_git.merged_at) as merged_at,
        from_webhooks.closed_at,
        coalesce(from_webhooks.merge_commit_sha, from_git.merge_commit_sha) as merge_commit_sha,
        coalesce(from_webhooks.lines_added, from_git.lines_added) as lines_added,
        coalesce(from_webhooks.lines_removed, from_git.lines_removed) as lines_removed,
        coalesce(from_webhooks.files_changed, from_git.files_changed) as files_changed,
        from_webhooks.comments_count,
        from_webhooks.last_landing_id,
        from_git.load_id as git_load_id
    from from_webhooks
    full outer join from_git on from_webhooks.pull_request_key = from_git.pull_request_key
),

placed as (
    select
        known.*,
        split_part(known.repo_full_name, '/', 1) as github_org,
        split_part(known.repo_full_name, '/', 2) as github_repo,
        repositories.repo_id,
        coalesce(repositories.tech_stream_id, organisation.stream_id) as tech_stream_id,
        repositories.default_branch as configured_default_branch,
        coalesce(
            own_stream.ticket_pattern, organisation.ticket_pattern, '{{ default_ticket_pattern }}'
        ) as ticket_pattern
    from known
    left join repositories on lower(repositories.full_name) = lower(known.repo_full_name)
    left join tech_streams as own_stream on repositories.tech_stream_id = own_stream.stream_id
    left join tech_streams as organisation
        on
            repositories.repo_id is null
            and lower(organisation.github_org) = lower(split_part(known.repo_full_name, '/', 1))
),

candidates as (
    select
        placed.pull_request_key,
        found.preference,
        found.link_method,
        upper(found.ticket_id) as ticket_id,
        substring(upper(found.ticket_id) from '^(.+)-\d+$') as project_key
    from placed
    cross join
        lateral (
            select
                1 as preference,
                'branch' as link_method,
                (regexp_match(placed.branch_name, placed.ticket_pattern))[1] as ticket_id
            union all
            select
                2,
                'title',
                (regexp_match(placed.title, placed.ticket_pattern))[1]
            union all
            select
                2 + named.place,
                'body',
                named.ticket_id
            from unnest(placed.body_ticket_keys) with ordinality as named (ticket_id, place)
        ) as found
    where found.ticket_id is not null
),

-- UTF-8, SHA-256 and CVE-2024-1 look like tickets: only a known project or a known ticket makes one.
recognised as (
    select distinct on (candidates.pull_request_key)
        candidates.pull_request_key,
        candidates.ticket_id,
        candidates.link_method
    from candidates
    cross join configured
    left join projects on candidates.project_key = projects.project_key
    left join tickets on candidates.ticket_id = tickets.named_ticket_id
    where
        projects.project_key is not null
        or tickets.ticket_id is not null
        or configured.project_count = 0
    order by candidates.pull_request_key, candidates.preference
),

all_candidates as (
    select
        pull_request_key,
        array_agg(distinct ticket_id) as ticket_ids
    from candidates
    group by pull_request_key
),

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
        linked.first_commit_at,
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
