{#
  Which repositories' commits are to be looked at again by events.commit_events: a clone's rows carry no revision, so
  the number of its commits and its newest load are kept and compared; a force-push changes one of them.
#}
{% macro find_touched_commit_histories() %}
    create table if not exists staging.commit_histories_applied (
        repo_full_name text primary key, signature text not null
    );
    create temporary table commit_histories_now on commit drop as
    select
        {{ present_name('commits.repo_full_name') }} as repo_full_name,
        count(*) || ' ' || count(commits.branch_position) || ' ' || max(commits.load_id) as signature
    from {{ ref('stg_git__commits') }} as commits
    left join {{ ref('repository_names') }} as names on commits.repo_full_name = names.former_full_name
    group by {{ present_name('commits.repo_full_name') }};
    create temporary table touched_commit_histories on commit drop as
    select coalesce(now.repo_full_name, known.repo_full_name) as repo_full_name
    from commit_histories_now as now
    full join staging.commit_histories_applied as known on now.repo_full_name = known.repo_full_name
    where now.signature is distinct from known.signature or {{ applied_revision() }} < 0
    union
    select {{ present_name('pushed.repo_full_name') }}
    from {{ ref('stg_github__pushed_commits') }} as pushed
    left join {{ ref('repository_names') }} as names on pushed.repo_full_name = names.former_full_name
    where pushed.revision > {{ applied_revision() }}
    {%- if execute and is_incremental() %}
    union
    select repo_full_name
    from {{ this }}
    where {{ applied_revision() }} < 0
    {%- endif %}
{% endmacro %}

{% macro touched_commit_histories(given=none) %}
    select repo_full_name from touched_commit_histories
{% endmacro %}

{# Post-hook: what was read is what the next build compares with. #}
{% macro keep_commit_histories() %}
    delete from staging.commit_histories_applied;
    insert into staging.commit_histories_applied (repo_full_name, signature)
    select repo_full_name, signature
    from commit_histories_now
{% endmacro %}
