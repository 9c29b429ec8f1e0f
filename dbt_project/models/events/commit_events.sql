{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='event_id',
    indexes=[
        {'columns': ['event_id'], 'unique': true},
        {'columns': ['repo_full_name', 'commit_sha'], 'unique': true},
        {'columns': ['committed_at']},
    ],
    meta={'touched': 'touched_commit_histories', 'touched_key': 'repo_full_name'},
    pre_hook=[
        "{{ begin_build(configuration_fingerprint(['repositories']) ~ ' || ' ~ repository_names_fingerprint()) }}",
        "{{ find_touched_commit_histories() }}",
    ],
    post_hook=["{{ keep_commit_histories() }}", "{{ end_build() }}"],
) }}

with recursive commits as materialized (
    select *
    from ({{- present_commits() }}) as present
    {% if is_incremental() %}
    where present.repo_full_name in ({{ touched_commit_histories() }})
    {% endif %}
),

pushed as (
    select
        {{ present_name('commits.repo_full_name') }} as repo_full_name,
        commits.commit_sha,
        commits.committed_at,
        commits.author_hash,
        commits.files_changed,
        commits.landing_id,
        commits.place
    from {{ ref('stg_github__pushed_commits') }} as commits
    left join {{ ref('repository_names') }} as names on commits.repo_full_name = names.former_full_name
),

repositories as (
    {{- registered_repositories() }}
),

parents as materialized (
    select
        commits.repo_full_name,
        commits.commit_sha,
        commits.branch_position is not null as is_on_line,
        lower(parent.sha) as parent_sha,
        parent.place
    from commits
    cross join lateral jsonb_array_elements_text(commits.parent_shas) with ordinality as parent (sha, place)
),

-- What the merges brought in: from their further parents down to where the side branch began.
brought_in as (
    select
        repo_full_name,
        parent_sha as commit_sha
    from parents
    where is_on_line and place > 1
    union
    select
        parents.repo_full_name,
        parents.parent_sha
    from brought_in
    inner join parents
        on
            brought_in.repo_full_name = parents.repo_full_name
            and brought_in.commit_sha = parents.commit_sha
            and not parents.is_on_line
),

of_histories as (
    select
        commits.repo_full_name,
        commits.commit_sha,
        commits.committed_at,
        commits.author_hash,
        commits.lines_added,
        commits.lines_removed,
        commits.files_changed,
        jsonb_array_length(commits.parent_shas) > 1 as is_merge,
        'git' as source
    from commits
    left join brought_in
        on commits.repo_full_name = brought_in.repo_full_name and commits.commit_sha = brought_in.commit_sha
    where commits.branch_position is not null or brought_in.commit_sha is not null
),

-- A clone tells more of a commit than the push that brought it, and knows whether a force-push took it away again.
newest_in_histories as (
    select
        repo_full_name,
        max(committed_at) as committed_at
    from of_histories
    group by repo_full_name
),

of_pushes as (
    select distinct on (pushed.repo_full_name, pushed.commit_sha)
        pushed.repo_full_name,
        pushed.commit_sha,
        pushed.committed_at,
        pushed.author_hash,
        null::bigint as lines_added,
        null::bigint as lines_removed,
        pushed.files_changed::bigint as files_changed,
        null::boolean as is_merge,
        'github' as source
    from pushed
    left join newest_in_histories on pushed.repo_full_name = newest_in_histories.repo_full_name
    where
        (newest_in_histories.committed_at is null or pushed.committed_at > newest_in_histories.committed_at)
        {% if is_incremental() %}
        and pushed.repo_full_name in ({{ touched_commit_histories() }})
        {% endif %}
    order by pushed.repo_full_name, pushed.commit_sha, pushed.landing_id, pushed.place
),

known as (
    select * from of_histories
    union all
    select of_pushes.*
    from of_pushes
    left join of_histories
        on of_pushes.repo_full_name = of_histories.repo_full_name and of_pushes.commit_sha = of_histories.commit_sha
    where of_histories.commit_sha is null
),

final as (
    select
        {{ event_id('commit', ['known.repo_full_name', 'known.commit_sha']) }} as event_id,
        known.source,
        repositories.repo_id,
        repositories.tech_stream_id,
        known.repo_full_name,
        known.commit_sha,
        known.committed_at,
        known.author_hash,
        known.lines_added::integer as lines_added,
        known.lines_removed::integer as lines_removed,
        known.files_changed::integer as files_changed,
        known.is_merge
    from known
    left join repositories on lower(known.repo_full_name) = lower(repositories.present_full_name)
)

select * from final
