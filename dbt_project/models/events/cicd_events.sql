{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='event_id',
    indexes=[
        {'columns': ['event_id'], 'unique': true},
        {'columns': ['pipeline_run_id']},
        {'columns': ['environment', 'status', 'event_timestamp']},
        {'columns': ['commit_sha']},
        {'columns': ['linked_ticket_id']},
        {'columns': ['repo_full_name', 'named_pr_number']},
        {'columns': ['named_ticket_id']},
    ],
    meta={'touched': 'touched_cicd_events', 'touched_key': 'pipeline_run_id'},
    pre_hook="{{ begin_build(configuration_fingerprint(
        ['repositories', 'tech_streams', 'github_installations']
    ) ~ ' || ' ~ repository_names_fingerprint()) }}",
    post_hook="{{ end_build(indexes=[
        '(repo_full_name) where artefact_version is not null and (commit_sha is null or is_commit_from_tag)'
    ]) }}",
) }}

with observations as (
    {{ union_of_sources(cicd_sources(), cicd_observation_columns()) }}
),

pull_requests as (
    select * from {{ ref('pull_requests') }}
),

attributes as (
    select * from {{ ref('work_item_attributes') }}
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

observed as (
    select
        {{ present_name('observations.repo_full_name') }} as present_full_name,
        observations.*
    from observations
    left join names on observations.repo_full_name = names.former_full_name
    {% if is_incremental() %}
    where observations.pipeline_run_id in ({{ touched_cicd_events() }})
    {% endif %}
),

identified as (
    select
        {{ event_id('cicd', ['pipeline_id', 'pipeline_run_id', 'event_type', 'present_full_name', 'environment']) }}
            as event_id,
        present_full_name as repo_full_name,
        {{ cicd_observation_columns(without=['repo_full_name']) }}
    from observed
),

-- What is told twice, by a doubled delivery or by a fetch beside it, counts once: as it was first said to be.
facts as (
    select distinct on (event_id) *
    from identified
    order by event_id, event_timestamp, landing_id, observation_key
),

-- A ticket that moved to another project answers to its former keys too.
tickets as (
    select distinct on (named.ticket_id)
        named.ticket_id as named_ticket_id,
        attributes.ticket_id,
        attributes.delivery_stream_id,
        -- The one that the ticket names; several are the metrics' to spread (metric_observations).
        case when cardinality(attributes.field_tech_stream_ids) = 1 then attributes.field_tech_stream_ids[1] end
            as tech_stream_id
    from attributes
    cross join lateral unnest(attributes.ticket_id || attributes.former_ticket_ids) as named (ticket_id)
    where named.ticket_id in (select facts.named_ticket_id from facts)
    order by named.ticket_id, (named.ticket_id = attributes.ticket_id) desc
),

tags as (
    {{- tagged_commits() }}
),

-- A deployment that names a version and no commit: the commit that the version's tag names.
tagged as (
    select distinct on (facts.event_id)
        facts.event_id,
        tags.commit_sha
    from facts
    cross join
        lateral unnest({{ tags_of_artefact('facts.artefact_version') }}) with ordinality as named (tag_name, place)
    inner join tags on facts.repo_full_name = tags.repo_full_name and named.tag_name = tags.tag_name
    where facts.commit_sha is null and facts.artefact_version is not null
    order by facts.event_id, named.place
),

located as (
    select
        facts.*,
        coalesce(facts.commit_sha, tagged.commit_sha) as located_sha,
        tagged.commit_sha is not null as is_commit_from_tag
    from facts
    left join tagged on facts.event_id = tagged.event_id
),

-- One commit is the merge of at most one pull request; a rebased stack may say otherwise.
by_commit as (
    select distinct on (located.event_id)
        located.event_id,
        pull_requests.pr_number
    from located
    -- Bitbucket's deliveries name the commit of a merge by twelve digits. Two values to look up, not a condition with
    -- "or", which would compare every deployment of a repository with every pull request.
    cross join lateral (values (located.located_sha), (left(located.located_sha, 12))) as named (sha)
    inner join pull_requests
        on located.repo_full_name = pull_requests.repo_full_name and named.sha = pull_requests.merge_commit_sha
    order by located.event_id, pull_requests.pr_number
),

linked as (
    select
        located.*,
        coalesce(located.named_pr_number, by_commit.pr_number) as linked_pr_number
    from located
    left join by_commit on located.event_id = by_commit.event_id
),

final as (
    select
        linked.event_id,
        linked.source,
        coalesce(pull_requests.delivery_stream_id, tickets.delivery_stream_id) as delivery_stream_id,
        coalesce(
            repositories.tech_stream_id,
            origin.stream_id,
            case when linked.repo_full_name is null then tickets.tech_stream_id end
        ) as tech_stream_id,
        linked.received_at,
        linked.event_timestamp,
        linked.event_type,
        linked.pipeline_id,
        linked.pipeline_run_id,
        repositories.repo_id,
        linked.environment,
        linked.status,
        linked.duration_seconds,
        linked.located_sha as commit_sha,
        linked.linked_pr_number,
        coalesce(pull_requests.linked_ticket_id, tickets.ticket_id, linked.named_ticket_id) as linked_ticket_id,
        linked.trigger_type,
        linked.artefact_version,
        linked.failure_reason,
        linked.repo_full_name,
        linked.service_name,
        linked.rollback_of,
        linked.named_pr_number,
        linked.named_ticket_id,
        linked.first_commit_at,
        linked.is_commit_from_tag,
        linked.landing_id
    from linked
    left join repositories on lower(linked.repo_full_name) = lower(repositories.present_full_name)
    -- A vendor's own events come from an installation or an organisation, which is the stream (004 §5.3.3, §5.3.5);
    -- pushed ones name a repository, which must be registered (§5.4.3).
    left join lateral (
        {{- stream_of_origin(
            'linked.repo_full_name',
            'linked.installation_id',
            "repositories.repo_id is null and linked.source in ('github', 'gitlab', 'bitbucket')"
        ) }}
    ) as origin on true
    left join pull_requests
        on
            linked.repo_full_name = pull_requests.repo_full_name
            and linked.linked_pr_number = pull_requests.pr_number
    left join tickets on linked.named_ticket_id = tickets.named_ticket_id
)

select * from final
