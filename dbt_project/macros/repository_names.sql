{#
  Repositories are renamed and handed over: what was said under a former name counts for the present one
  (models/events/repository_names.sql). Staging keeps the names as they were said; these macros translate.
#}

{# The present name; `names` is a left join of repository_names on the name that was said. #}
{% macro present_name(said, names='names') -%}
    coalesce({{ names }}.full_name, {{ said }})
{%- endmacro %}

{# For a fingerprint (see begin_build): with another name everything is looked at again, and what differs is rewritten. #}
{% macro repository_names_fingerprint() -%}
    coalesce(
        (
            select md5(string_agg(former_full_name || '=' || full_name, '|' order by former_full_name collate "C"))
            from {{ ref('repository_names') }}
        ),
        ''
    )
{%- endmacro %}

{#
  The keys under which a pull request may have been told of: its own, and one for each former name.
  `pull_requests` is a relation with pull_request_key, repo_full_name and pr_number in present names.
#}
{% macro said_keys(pull_requests) %}
    select
        pull_request_key,
        repo_full_name,
        repo_full_name as said_full_name,
        pull_request_key as said_key
    from {{ pull_requests }}
    union all
    select
        known.pull_request_key,
        known.repo_full_name,
        names.former_full_name,
        {{ pull_request_key('names.former_full_name', 'known.pr_number') }}
    from {{ pull_requests }} as known
    inner join {{ ref('repository_names') }} as names on known.repo_full_name = names.full_name
{% endmacro %}

{#
  The registered repositories by their present names, as `present_full_name`; the registry may hold a former one,
  or both.
#}
{% macro registered_repositories() %}
    select distinct on (lower({{ present_name('listed.full_name') }}))
        listed.*,
        {{ present_name('listed.full_name') }} as present_full_name
    from {{ source('config', 'repositories') }} as listed
    left join {{ ref('repository_names') }} as names on lower(listed.full_name) = lower(names.former_full_name)
    order by lower({{ present_name('listed.full_name') }}), names.distance nulls first, listed.full_name
{% endmacro %}

{# Commits under the present names; where clones were read under several names, the newest name's clone counts. #}
{% macro present_commits() %}
    select
        {{ present_name('commits.repo_full_name') }} as repo_full_name,
        commits.commit_sha,
        commits.parent_shas,
        commits.committed_at,
        commits.branch_position,
        commits.author_hash,
        commits.lines_added,
        commits.lines_removed,
        commits.files_changed
    from {{ ref('stg_git__commits') }} as commits
    left join {{ ref('repository_names') }} as names on commits.repo_full_name = names.former_full_name
    where
        names.full_name is null
        or names.former_full_name in (
            select distinct on (candidates.full_name) candidates.said_full_name
            from (
                select
                    full_name,
                    former_full_name as said_full_name,
                    distance
                from {{ ref('repository_names') }}
                union all
                select
                    full_name,
                    full_name,
                    0
                from {{ ref('repository_names') }}
            ) as candidates
            where
                exists (
                    select 1
                    from {{ ref('stg_git__commits') }} as cloned
                    where cloned.repo_full_name = candidates.said_full_name
                )
            order by candidates.full_name, candidates.distance
        )
{% endmacro %}

{#
  The technology stream that an unregistered repository comes from: that of the App's installation (004 §5.3.3), where
  it is one stream's alone, else that of the organisation, or of the group above it. For a lateral join, beside CTEs
  `tech_streams` and `installations`; where it is not `needed`, nothing is looked up.
#}
{% macro stream_of_origin(repo_full_name, installation_id, needed) %}
    select origin.stream_id
    from (
        select
            stream_id,
            1 as preference,
            0 as depth
        from tech_streams
        where
            {{ needed }}
            and github_install_id = coalesce(
                {{ installation_id }},
                (
                    select installations.installation_id
                    from installations
                    where lower(installations.account_login) = lower(split_part({{ repo_full_name }}, '/', 1))
                    order by installations.installation_id
                    limit 1
                )
            )
            and not exists (
                select 1
                from tech_streams as other
                where
                    other.github_install_id = tech_streams.github_install_id
                    and other.stream_id <> tech_streams.stream_id
            )
        union all
        select
            stream_id,
            2,
            -length(github_org)
        from tech_streams
        where {{ needed }} and starts_with(lower({{ repo_full_name }}), lower(github_org) || '/')
    ) as origin
    order by origin.preference, origin.depth, origin.stream_id
    limit 1
{% endmacro %}

{# The keys, in present names, of a relation with repo_full_name and pr_number as they were said. #}
{% macro present_keys(relation) %}
    select {{ pull_request_key(present_name('told.repo_full_name', 'told_names'), 'told.pr_number') }} as pull_request_key
    from {{ relation }} as told
    left join {{ ref('repository_names') }} as told_names on told.repo_full_name = told_names.former_full_name
{% endmacro %}

{# Manual links by present names; one that was made under the present name wins. #}
{% macro present_manual_links() %}
    select distinct on ({{ present_name('links.repo_full_name') }}, links.pr_number)
        {{ present_name('links.repo_full_name') }} as repo_full_name,
        links.pr_number,
        upper(links.ticket_id) as ticket_id
    from {{ source('config', 'manual_links') }} as links
    left join {{ ref('repository_names') }} as names on links.repo_full_name = names.former_full_name
    order by {{ present_name('links.repo_full_name') }}, links.pr_number, names.distance nulls first
{% endmacro %}
