{#
  What each repository of `repositories` (repo_full_name, repo_id) belongs to: itself, its teams, its organisations, and
  all. An organisation's repositories are those of its accounts on code hosts (of GitLab's nested groups the nearest
  one that is listed) and those that its teams look after. Each scope has a repository once.
#}
{% macro scopes_of_repositories(repositories) %}
    select
        repo_full_name,
        'repository' as scope_type,
        repo_id as scope_id,
        repo_full_name as scope_name
    from {{ repositories }}
    union
    select
        repositories.repo_full_name,
        'team',
        teams.team_id,
        teams.name
    from {{ repositories }} as repositories
    inner join {{ source('config', 'team_repositories') }} as looked_after on repositories.repo_id = looked_after.repo_id
    inner join {{ source('config', 'teams') }} as teams on looked_after.team_id = teams.team_id
    union
    select
        repositories.repo_full_name,
        'organisation',
        organisations.organisation_id,
        organisations.name
    from {{ repositories }} as repositories
    inner join {{ source('config', 'team_repositories') }} as looked_after on repositories.repo_id = looked_after.repo_id
    inner join {{ source('config', 'teams') }} as teams on looked_after.team_id = teams.team_id
    inner join {{ source('config', 'organisations') }} as organisations
        on teams.organisation_id = organisations.organisation_id
    union
    select
        owned.repo_full_name,
        'organisation',
        organisations.organisation_id,
        organisations.name
    from (
        select distinct on (repositories.repo_full_name)
            repositories.repo_full_name,
            accounts.organisation_id
        from {{ repositories }} as repositories
        left join {{ source('config', 'repositories') }} as registered on repositories.repo_id = registered.repo_id
        inner join {{ source('config', 'organisation_accounts') }} as accounts
            on
                starts_with(lower(repositories.repo_full_name), lower(accounts.account_name) || '/')
                and coalesce(registered.provider, accounts.provider) = accounts.provider
        order by repositories.repo_full_name, length(accounts.account_name) desc, accounts.provider
    ) as owned
    inner join {{ source('config', 'organisations') }} as organisations
        on owned.organisation_id = organisations.organisation_id
    union
    select
        repo_full_name,
        'all',
        '{{ all_streams_id() }}'::uuid,
        'all'
    from {{ repositories }}
{% endmacro %}
