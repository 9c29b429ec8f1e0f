{# Which keys a build of the delivery path must look at again: the `meta.touched` queries of its models. #}

{% macro touched_pull_requests(given=none) %}
    {{- present_keys(
        '(' ~ observed_since_last_build(pull_request_sources(), 'repo_full_name, pr_number')
        ~ ' union ' ~ observed_since_last_build(review_sources(), 'repo_full_name, pr_number') ~ ')'
    ) }}
    union
    -- One whose repository has another name now.
    select known.pull_request_key
    from {{ this }} as known
    where {{ applied_revision() }} < 0
    union
    -- dlt writes no revision; a row that was merged again carries another load id.
    select {{ pull_request_key(present_name('pulled.repo_full_name'), 'pulled.pr_number') }}
    from {{ ref('stg_git__pull_requests') }} as pulled
    left join {{ ref('repository_names') }} as names on names.former_full_name = pulled.repo_full_name
    left join {{ this }} as known
        on known.repo_full_name = {{ present_name('pulled.repo_full_name') }} and known.pr_number = pulled.pr_number
    where known.git_load_id is distinct from pulled.load_id or {{ applied_revision() }} < 0
    union
    -- One that a force-push has taken out of the history.
    select known.pull_request_key
    from {{ this }} as known
    where
        known.git_load_id is not null
        and not exists (
            select 1
            from {{ ref('stg_git__pull_requests') }} as pulled
            left join {{ ref('repository_names') }} as names on names.former_full_name = pulled.repo_full_name
            where
                {{ present_name('pulled.repo_full_name') }} = known.repo_full_name
                and pulled.pr_number = known.pr_number
        )
    union
    select known.pull_request_key
    from {{ ref('stg_github__pushes') }} as pushes
    left join {{ ref('repository_names') }} as names on names.former_full_name = pushes.repo_full_name
    inner join {{ this }} as known
        on
            known.repo_full_name = {{ present_name('pushes.repo_full_name') }}
            and known.branch_name = pushes.ref_name
    where pushes.revision > {{ applied_revision() }}
    union
    -- A ticket that was first heard of, or moved to another stream, after the pull request that names it.
    select known.pull_request_key
    from {{ ref('work_item_attributes') }} as tickets
    cross join lateral unnest(tickets.ticket_id || tickets.former_ticket_ids) as named (ticket_id)
    inner join {{ this }} as known on known.candidate_ticket_ids @> array[named.ticket_id]
    where tickets.revision > {{ applied_revision() }}
    union
    select known.pull_request_key
    from {{ ref('incident_events') }} as incidents
    inner join {{ this }} as known on known.linked_ticket_id = incidents.ticket_id
    where incidents.revision > {{ applied_revision() }}
    union
    -- Manual links that were made, changed or taken back.
    select known.pull_request_key
    from {{ this }} as known
    left join ({{ present_manual_links() }}) as links
        on links.repo_full_name = known.repo_full_name and links.pr_number = known.pr_number
    where
        (links.ticket_id is not null and (known.link_method is distinct from 'manual' or not known.candidate_ticket_ids @> array[links.ticket_id]))
        or (links.ticket_id is null and known.link_method = 'manual')
{% endmacro %}

{% macro touched_fetched_reviews(given=none) %}
    select pull_request_key
    from {{ ref('stg_github__fetched_pull_requests') }}
    where revision > {{ applied_revision() }}
{% endmacro %}

{% macro touched_pull_request_events(given=none) %}
    select pull_request_key
    from {{ ref('pull_requests') }}
    where revision > {{ applied_revision() }}
    union
    -- All where the configuration changed, and those that a force-push has taken out of the history.
    select known.pull_request_key
    from {{ this }} as known
    where
        {{ applied_revision() }} < 0
        or not exists (
            select 1 from {{ ref('pull_requests') }} as present where present.pull_request_key = known.pull_request_key
        )
{% endmacro %}

{% macro touched_pull_request_cycles(given=none) %}
    select {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }} as cycle_id
    from {{ ref('pull_requests') }}
    where revision > {{ applied_revision() }}
    union
    -- A reviewer who turns out to be a bot changes events, though not the pull request.
    select {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }}
    from {{ ref('pr_events') }}
    where revision > {{ applied_revision() }}
    union
    select known.cycle_id
    from {{ this }} as known
    where
        {{ applied_revision() }} < 0
        or not exists (
            select 1
            from {{ ref('pull_requests') }} as present
            where present.repo_full_name = known.repo_full_name and present.pr_number = known.pr_number
        )
    union
    -- A contributor more or fewer can lift or set the safeguard for everybody's rows of that quarter.
    select known.cycle_id
    from {{ this }} as known
    left join {{ ref('tech_stream_contributors') }} as contributors
        on
            contributors.tech_stream_id = known.tech_stream_id
            and contributors.quarter_start = {{ quarter_of('known.closed_at') }}
    where known.has_small_team is distinct from {{ is_small_team('contributors.contributor_count') }}
{% endmacro %}

{# The first day of the organisation's calendar quarter of an instant. #}
{% macro quarter_of(instant) -%}
    date_trunc('quarter', {{ instant }} at time zone '{{ var("timezone") }}')::date
{%- endmacro %}

{# Too few people to show who did what; nobody known is too few. #}
{% macro is_small_team(contributor_count) -%}
    (coalesce({{ contributor_count }}, 0) < {{ var('small_team_minimum') }})
{%- endmacro %}

{#
  By run: all that was said of one is looked at together. Runs of several pipelines may share a number; that costs a
  look at a few rows more.
#}
{% macro touched_cicd_events(given=none) %}
    {{- observed_since_last_build(cicd_sources(), 'pipeline_run_id') }}
    union
    select known.pipeline_run_id
    from {{ ref('pull_requests') }} as pull_requests
    inner join {{ this }} as known
        on
            known.repo_full_name = pull_requests.repo_full_name
            and (known.named_pr_number = pull_requests.pr_number or known.commit_sha = pull_requests.merge_commit_sha)
    where pull_requests.revision > {{ applied_revision() }}
    union
    -- Bitbucket's deliveries name a commit by twelve digits; apart, since no index finds these.
    select known.pipeline_run_id
    from {{ ref('pull_requests') }} as pull_requests
    inner join {{ this }} as known
        on
            known.repo_full_name = pull_requests.repo_full_name
            and left(known.commit_sha, 12) = pull_requests.merge_commit_sha
    where pull_requests.revision > {{ applied_revision() }} and length(pull_requests.merge_commit_sha) = 12
    union
    -- A ticket that was first heard of, or moved, after the deployment that names it.
    select known.pipeline_run_id
    from {{ ref('work_item_attributes') }} as tickets
    cross join lateral unnest(tickets.ticket_id || tickets.former_ticket_ids) as named (ticket_id)
    inner join {{ this }} as known on known.named_ticket_id = named.ticket_id
    where tickets.revision > {{ applied_revision() }}
    union
    -- A tag that was first heard of, or moved, after the deployment of its version.
    select known.pipeline_run_id
    from {{ this }} as known
    cross join lateral unnest({{ tags_of_artefact('known.artefact_version') }}) as named (tag_name)
    inner join ({{ tagged_commits() }}) as tags
        on known.repo_full_name = tags.repo_full_name and named.tag_name = tags.tag_name
    where
        known.artefact_version is not null
        and (known.commit_sha is null or known.is_commit_from_tag)
        and known.commit_sha is distinct from tags.commit_sha
    {{- taken_back_by_tickets(cicd_sources(), 'stg_jira__deployments', 'pipeline_run_id') }}
{% endmacro %}

{% macro touched_incident_events(given=none) %}
    {{- observed_since_last_build(incident_sources(), 'incident_id') }}
    union
    -- A ticket's streams are its incident's, and may change after it.
    select known.incident_id
    from {{ ref('work_item_attributes') }} as tickets
    cross join lateral unnest(tickets.ticket_id || tickets.former_ticket_ids) as named (ticket_id)
    inner join {{ this }} as known on known.source = 'jira' and known.incident_id = named.ticket_id
    where tickets.revision > {{ applied_revision() }}
    {{- taken_back_by_tickets(incident_sources(), 'stg_jira__incidents', 'incident_id') }}
{% endmacro %}

{# What a ticket told and tells no more: its date was cleared, the ticket was deleted, or it has another key now. #}
{% macro taken_back_by_tickets(sources, model, key) %}
    {%- if model in sources.split() %}
    union
    select known.{{ key }}
    from {{ this }} as known
    where
        known.source = 'jira'
        and not exists (select 1 from {{ ref(model) }} as told where told.{{ key }} = known.{{ key }})
    {%- endif %}
{% endmacro %}

{# The production deployment that first carried each pull request. #}
{% macro first_deployments_of_pull_requests() %}
    select distinct on (changes.repo_full_name, changes.pr_number)
        changes.repo_full_name,
        changes.pr_number,
        changes.deployed_at,
        changes.record_id
    from {{ ref('deployment_changes') }} as changes
    where changes.pr_number is not null
    order by changes.repo_full_name, changes.pr_number, changes.deployed_at, changes.record_id
{% endmacro %}

{# A pull request's deployment comes after its cycle is complete, and may be corrected. #}
{% macro touched_pull_request_phases(given=none) %}
    select {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }} as cycle_id
    from {{ ref('pull_requests') }}
    where revision > {{ applied_revision() }}
    union
    select {{ event_id('pull_request_cycle', ['repo_full_name', 'pr_number']) }}
    from {{ ref('pr_events') }}
    where revision > {{ applied_revision() }}
    union
    select coalesce(cycles.cycle_id, known.cycle_id)
    from (
        select
            merged.cycle_id,
            merged.merged_at,
            first_deployments.deployed_at,
            first_deployments.record_id
        from {{ ref('pr_cycles') }} as merged
        left join ({{ first_deployments_of_pull_requests() }}) as first_deployments
            on merged.repo_full_name = first_deployments.repo_full_name and merged.pr_number = first_deployments.pr_number
        where merged.state = 'merged'
    ) as cycles
    full join {{ this }} as known on cycles.cycle_id = known.cycle_id
    where
        {{ applied_revision() }} < 0
        or cycles.cycle_id is null
        or known.cycle_id is null
        or cycles.record_id is distinct from known.deployment_record_id
        or case when cycles.deployed_at is not null then greatest(cycles.deployed_at, cycles.merged_at) end
        is distinct from known.deployed_at
{% endmacro %}
