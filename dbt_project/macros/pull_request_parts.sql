{# Parts of events.pull_requests that stand alone; each macro is the body of a CTE there. #}

{# How a pull request names its ticket (004 §5.3.4): every key that branch, title and body name, in the order of preference. #}
{% macro ticket_candidates() %}
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
{% endmacro %}

{# UTF-8, SHA-256 and CVE-2024-1 look like tickets: only a known project or a known ticket makes one. #}
{% macro recognised_tickets() %}
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
{% endmacro %}

{# The pull requests that the git history alone tells of, each once. #}
{% macro pull_requests_of_git() %}
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
{% endmacro %}
