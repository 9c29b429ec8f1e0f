"""Staged rows of a company that never was: what sources told in three years, as dbt's staging tables hold it.

In: a migrated database in which every staging table stands empty, and how many work-item transitions to tell of.
Out: those tables filled by the database itself (`generate_series` and hashes of row numbers), so that a million
transitions take less than a minute and the same size gives the same rows. With 1,000 transitions come about 150
tickets, 100 pull requests with 120 reviews, 50 deployments and 5 incidents, for 12 delivery and 8 technology streams.
What is older than six months was fetched with its changelog; what is newer was delivered by webhook. Tickets are
reopened, sent back, cancelled and finished on weekends; one delivery in fifty came days late.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg.types.numeric import Int8
from sqlalchemy import Engine, text

AS_OF = datetime(2026, 6, 1, 12, tzinfo=UTC)
# The increment happens in the hour after the first build.
LATER = AS_OF + timedelta(hours=1)
DELIVERY_STREAMS, TECH_STREAMS, PROJECTS, REPOSITORIES = 12, 8, 20, 100
TRANSITIONS_OF_A_TICKET = 6.5
# 1,000 new events: tickets that are created and moved three times, tickets that move once more, pull requests that are
# opened and merged, deployments, and incidents that begin and end.
LATER_EVENTS = {"new_tickets": 200, "moved_tickets": 40, "new_pull_requests": 54, "new_deployments": 40}

# (status, stage, whether anybody works in it)
STATUSES = (
    ("To Do", "backlog", False), ("Analysis", "ba", True), ("Ready for development", "dev", False),
    ("In progress", "dev", True), ("In review", "code_review", True), ("Ready for test", "qa", False),
    ("In test", "qa", True), ("Acceptance", "uat", True), ("Done", "done", False), ("Cancelled", "cancelled", False),
)  # fmt: skip
# What happens to how many of a hundred tickets.
PATHS = (
    (70, "Ready for development, In progress, In review, Ready for test, In test, Acceptance, Done"),
    (10, "Ready for development, In progress, In review, Ready for test, In test, Acceptance, Done, In progress, "
         "In review, Done"),
    (10, "In progress, Done"),
    (5, "In progress, Cancelled"),
    (5, "In progress, In review, In progress, In review, Ready for test, In test, Done"),
)  # fmt: skip

# A number from 0 to 1 out of a row's number, the same in every run.
FUNCTIONS = """
create schema if not exists benchmark;
create or replace function benchmark.share(number bigint, salt integer) returns double precision
    language sql immutable parallel safe
    return (hashint8extended(number, salt) & 1048575) / 1048576.0;
create or replace function benchmark.sha(name text) returns text
    language sql immutable parallel safe
    return md5(name) || substr(md5(name || '.'), 1, 8);
"""

CONFIGURATION = """
insert into config.delivery_streams (name, display_name, team_size)
select 'delivery-' || n, 'Delivery ' || n, 8 from generate_series(0, :delivery_streams - 1) as n;
insert into config.tech_streams (name, display_name, github_org, github_install_id)
select 'tech-' || n, 'Technology ' || n, 'org' || n, n::text from generate_series(0, :tech_streams - 1) as n;
insert into config.jira_projects (jira_project_key, name, delivery_stream_id)
select 'P' || chr(65 + n::integer), 'Project ' || n, streams.stream_id
from generate_series(0, :projects - 1) as n
inner join config.delivery_streams as streams on streams.name = 'delivery-' || (n % :delivery_streams);
insert into config.status_mappings (jira_project_key, jira_status_name, pipeline_stage, is_active_work, display_order)
select projects.jira_project_key, listed.status, listed.stage, listed.is_active, listed.place
from config.jira_projects as projects
cross join (
    select * from unnest(cast(:statuses as text[]), cast(:stages as text[]), cast(:are_active as boolean[]))
        with ordinality as listed (status, stage, is_active, place)
) as listed;
insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name, deploy_target)
select streams.stream_id, streams.github_org, 'repo' || n, streams.github_org || '/repo' || n, 'ecs:service-' || n
from generate_series(0, :repositories - 1) as n
inner join config.tech_streams as streams on streams.name = 'tech-' || (n % :tech_streams);
insert into config.holidays (holiday_date, name)
select make_date(year, month, 25 - month), 'Holiday ' || month
from generate_series(2022, 2026) as year cross join generate_series(1, 12) as month;
"""

TICKETS = """
create unlogged table benchmark.tickets as
select
    n,
    'P' || chr(65 + (n % :projects)::integer) || '-' || (n / :projects + 1) as ticket_id,
    'P' || chr(65 + (n % :projects)::integer) as jira_project_key,
    created.at as created_at,
    -- From two hours to ten days between two steps, most of them short.
    interval '2 hours' + interval '10 days' * power(benchmark.share(n, 2), 4) as pace,
    paths.path,
    case when benchmark.share(n, 3) < 0.15 then 'Bug' else 'Story' end as ticket_type,
    md5('person' || (n % 97)) as assignee_hash,
    created.at > :as_of - interval '180 days' as is_delivered,
    true as is_new,
    case when benchmark.share(n, 4) < 0.3 then array['tech-' || (n % :tech_streams)] end as tech_stream_values
from generate_series(0, :tickets - 1) as n
cross join lateral (
    select :as_of - interval '1095 days' * (1 - n::double precision / :tickets) as at
) as created
inner join benchmark.paths as paths
    on benchmark.share(n, 1) * 100 >= paths.from_percent and benchmark.share(n, 1) * 100 < paths.to_percent;

create unlogged table benchmark.steps as
select
    tickets.n,
    tickets.ticket_id,
    listed.place::integer as place,
    tickets.created_at + tickets.pace * (listed.place - 0.9 * benchmark.share(tickets.n * 16 + listed.place, 5))
        as changed_at,
    coalesce(tickets.path[listed.place - 1], 'To Do') as status_from,
    listed.status as status_to
from benchmark.tickets as tickets
cross join lateral unnest(tickets.path) with ordinality as listed (status, place)
where
    tickets.created_at + tickets.pace * (listed.place - 0.9 * benchmark.share(tickets.n * 16 + listed.place, 5))
    < :as_of;
create index on benchmark.steps (n, place);
analyze benchmark.tickets, benchmark.steps;
"""

FETCHED_TICKETS = """
insert into staging.stg_jira__issues (
    issue_id, revision, ticket_id, jira_project_key, event_at, has_changelog, created_at, resolved_at, status_name,
    resolution_name, flag_name, ticket_type, priority, assignee_hash, story_points, labels, components,
    tech_stream_values, severity_value, found_in_stage_value, _dlt_load_id
)
select
    tickets.n::text, 1, tickets.ticket_id, tickets.jira_project_key,
    coalesce(last_step.changed_at, tickets.created_at), true, tickets.created_at,
    case when last_step.status_to = 'Done' then last_step.changed_at end,
    coalesce(last_step.status_to, 'To Do'),
    case when last_step.status_to in ('Done', 'Cancelled') then last_step.status_to else '' end, '',
    tickets.ticket_type, 'Medium', tickets.assignee_hash, 1 + tickets.n % 8, array['label-' || tickets.n % 30], '{}',
    tickets.tech_stream_values,
    case when tickets.ticket_type = 'Bug' then 'High' end, case when tickets.ticket_type = 'Bug' then 'qa' end, '1'
from benchmark.tickets as tickets
left join lateral (
    select steps.* from benchmark.steps as steps where steps.n = tickets.n order by steps.place desc limit 1
) as last_step on true
where not tickets.is_delivered;

insert into staging.stg_jira__issue_changes (
    issue_id, ticket_id, history_id, changed_at, status_from, status_to, resolution_to, assignee_from
)
select
    steps.n::text, steps.ticket_id, (steps.n * 16 + steps.place)::text, steps.changed_at, steps.status_from,
    steps.status_to,
    case
        when steps.status_to in ('Done', 'Cancelled') then steps.status_to
        when steps.status_from = 'Done' then ''
    end,
    case when steps.place = 1 then '' end
from benchmark.steps as steps
inner join benchmark.tickets as tickets on tickets.n = steps.n and not tickets.is_delivered;
"""

DELIVERED_TICKETS = """
insert into staging.stg_jira__issue_events (
    landing_id, revision, delivery_id, event_name, issue_id, ticket_id, jira_project_key, event_at, received_at,
    history_id, created_at, updated_at, resolved_at, status_name, resolution_name, status_from, status_to,
    resolution_to, ticket_type, priority, assignee_hash, story_points, flag_name, labels, components,
    tech_stream_values, severity_value, found_in_stage_value
)
select
    :first_landing_id + row_number() over (order by told.received_at, told.n, told.place), :revision,
    'jira-' || told.n || '-' || told.place, case when told.place = 0 then 'jira:issue_created' else 'jira:issue_updated' end,
    told.n::text, told.ticket_id, told.jira_project_key, told.event_at, told.received_at,
    case when told.place > 0 then (told.n * 16 + told.place)::text end, told.created_at, told.event_at,
    case when told.status_name = 'Done' then told.event_at end, told.status_name,
    case when told.status_name in ('Done', 'Cancelled') then told.status_name else '' end,
    told.status_from, case when told.place > 0 then told.status_name end,
    case
        when told.status_name in ('Done', 'Cancelled') then told.status_name
        when told.status_from = 'Done' then ''
    end,
    told.ticket_type, 'Medium', told.assignee_hash, 1 + told.n % 8, '', array['label-' || told.n % 30], '{{}}',
    told.tech_stream_values,
    case when told.ticket_type = 'Bug' then 'High' end, case when told.ticket_type = 'Bug' then 'qa' end
from (
    select
        tickets.*, 0 as place, tickets.created_at as event_at, tickets.created_at as received_at,
        null as status_from, 'To Do' as status_name
    from benchmark.{tickets} as tickets
    where tickets.is_delivered and tickets.is_new
    union all
    select
        tickets.*, steps.place, steps.changed_at,
        steps.changed_at
        + case when benchmark.share(steps.n * 16 + steps.place, 6) < 0.02 then interval '3 days' else interval '2 seconds' end,
        steps.status_from, steps.status_to
    from benchmark.{steps} as steps
    inner join benchmark.{tickets} as tickets on tickets.n = steps.n
    where tickets.is_delivered
) as told;
"""

PULL_REQUESTS = """
create unlogged table benchmark.pull_requests as
select
    numbers.n,
    'org' || ((numbers.n / 2 % :repositories) % :tech_streams) || '/repo' || (numbers.n / 2 % :repositories) as repo_full_name,
    (numbers.n / (2 * :repositories) * 2 + numbers.n % 2 + 1)::integer as pr_number,
    tickets.ticket_id,
    opened.at as opened_at,
    opened.at - interval '20 hours' * benchmark.share(numbers.n, 11) as first_commit_at,
    ended.at as ended_at,
    ended.at < :as_of and benchmark.share(numbers.n, 12) < 0.92 as is_merged,
    ended.at < :as_of as is_ended,
    benchmark.sha('merge' || numbers.n) as merge_commit_sha,
    md5('person' || numbers.n % 97) as author_hash,
    tickets.created_at > :as_of - interval '180 days' as is_delivered
from generate_series(0, :pull_requests - 1) as numbers (n)
inner join benchmark.tickets as tickets on tickets.n = numbers.n * :tickets / :pull_requests
cross join lateral (select tickets.created_at + tickets.pace * (1 + benchmark.share(numbers.n, 13)) as at) as opened
cross join lateral (select opened.at + interval '1 hour' + interval '6 days' * power(benchmark.share(numbers.n, 14), 3) as at)
    as ended
where opened.at < :as_of;
create index on benchmark.pull_requests (n);
analyze benchmark.pull_requests;
"""

# What both the deliveries and the fetched rows tell of a pull request.
PULL_REQUEST_COLUMNS = """
    source, observation_key, landing_id, received_at, action, is_fetched, pull_request_key, repo_full_name,
    default_branch, pr_number, title, body_ticket_keys, author_hash, author_is_bot, is_draft, branch_name, head_sha,
    base_branch, label_names, opened_at, updated_at, first_commit_at, merged_at, closed_at, merge_commit_sha,
    lines_added, lines_removed, files_changed, comments_count, ready_at, revision
"""
PULL_REQUEST_VALUES = """
    'github', {key}, {landing_id}, {at}, {action}, {is_fetched}, pr.repo_full_name || '#' || pr.pr_number,
    pr.repo_full_name, 'main', pr.pr_number, 'Change ' || pr.n, '{{}}'::text[], pr.author_hash, false, false,
    case when pr.n % 10 < 8 then 'feature/' || pr.ticket_id || '-change' else 'topic-' || pr.n end,
    benchmark.sha('head' || pr.n), 'main', '{{}}'::text[], pr.opened_at, {at}, {first_commit_at},
    case when {is_ended} and pr.is_merged then pr.ended_at end, case when {is_ended} then pr.ended_at end,
    case when {is_ended} and pr.is_merged then pr.merge_commit_sha end,
    {size} pr.opened_at, {revision}
"""
SIZES = "(pr.n % 400)::integer, (pr.n % 90)::integer, (pr.n % 12 + 1)::integer, (pr.n % 5)::integer,"

DEPLOYMENTS = """
insert into staging.stg_push__deployments (
    source, observation_key, landing_id, received_at, event_timestamp, event_type, pipeline_id, pipeline_run_id,
    environment, status, duration_seconds, commit_sha, trigger_type, artefact_version, repo_full_name, service_name,
    revision
)
select
    'deployment', 'landing:' || (200000000 + told.n), 200000000 + told.n, told.at + interval '1 second', told.at,
    case told.status
        when 'success' then 'deploy_completed' when 'rolled_back' then 'rollback_completed' else 'deploy_failed'
    end,
    'deploy-' || told.repo_full_name, 'run-' || told.n,
    case when benchmark.share(told.n, 22) < 0.7 then 'production' else 'staging' end, told.status,
    60 + (told.n % 600)::integer, told.commit_sha, 'push', 'build-' || told.n, told.repo_full_name,
    replace(split_part(told.repo_full_name, '/', 2), 'repo', 'service-'), :revision
from (
    select
        chosen.*,
        case
            when benchmark.share(chosen.n, 23) < 0.92 then 'success'
            when benchmark.share(chosen.n, 23) < 0.98 then 'failed'
            else 'rolled_back'
        end as status
    from ({chosen}) as chosen
) as told
where told.at < :until;
"""
FIRST_DEPLOYMENTS = """
    select
        numbers.n, pr.repo_full_name, case when pr.is_merged then pr.merge_commit_sha end as commit_sha,
        pr.ended_at + interval '30 minutes' + interval '2 days' * power(benchmark.share(numbers.n, 21), 3) as at
    from generate_series(0, :deployments - 1) as numbers (n)
    inner join benchmark.pull_requests as pr on pr.n = numbers.n * 2
"""
LATER_DEPLOYMENTS = """
    select
        :deployments + row_number() over (order by pr.n) as n, pr.repo_full_name, pr.merge_commit_sha as commit_sha,
        :as_of + interval '1 minute' * row_number() over (order by pr.n) as at
    from (select * from benchmark.pull_requests where is_merged order by n desc limit :new_deployments) as pr
"""

INCIDENTS = """
insert into staging.stg_push__incidents (
    source, observation_key, landing_id, received_at, incident_id, event_type, service_name, severity, description,
    occurred_at, revision
)
select
    'monitoring', 'landing:' || told.landing_id, told.landing_id, told.at, 'incident-' || told.n,
    case when told.is_end then 'incident_resolved' else 'incident_opened' end, told.service_name,
    (array['critical', 'high', 'medium', 'low'])[1 + told.n % 4], 'Something broke', told.at, :revision
from (
    select
        numbers.n, parts.is_end, deployments.service_name, 300000000 + numbers.n * 2 + parts.is_end::integer as landing_id,
        deployments.event_timestamp
        + case when benchmark.share(numbers.n, 31) < 0.6 then interval '2 minutes' else interval '30 hours' end
        + case when parts.is_end then interval '3 minutes' + interval '10 hours' * power(benchmark.share(numbers.n, 32), 4)
            else interval '0' end as at
    from generate_series(:first_incident, :last_incident) as numbers (n)
    inner join staging.stg_push__deployments as deployments on deployments.landing_id = 200000000 + numbers.n * 10
    cross join (values (false), (true)) as parts (is_end)
    where not parts.is_end or benchmark.share(numbers.n, 33) < 0.95
) as told
where told.at < :until;
"""

INCREMENT = """
create unlogged table benchmark.later_tickets as
select
    :tickets + k as n,
    'P' || chr(65 + (k % :projects)::integer) || '-' || ((:tickets + k) / :projects + 100) as ticket_id,
    'P' || chr(65 + (k % :projects)::integer) as jira_project_key,
    :as_of + interval '10 seconds' * k as created_at,
    case when k % 7 = 0 then 'Bug' else 'Story' end as ticket_type,
    md5('person' || (k % 97)) as assignee_hash,
    true as is_delivered, true as is_new, null::text[] as tech_stream_values
from generate_series(0, :new_tickets - 1) as k
union all
-- Tickets of the last month that move once more.
select
    n, ticket_id, jira_project_key, created_at, ticket_type, assignee_hash, true, false, tech_stream_values
from (
    select *, row_number() over (order by n) % greatest(count(*) over () / :moved_tickets, 1) as turn
    from benchmark.tickets
    where created_at > :as_of - interval '30 days'
) as recent
where turn = 0
order by n desc
limit :new_tickets + :moved_tickets;

create unlogged table benchmark.later_steps as
select
    tickets.n, tickets.ticket_id, listed.place::integer as place,
    :as_of + interval '5 minutes' * listed.place + interval '3 seconds' * (tickets.n % 200) as changed_at,
    case listed.place when 1 then 'To Do' when 2 then 'In progress' else 'In review' end as status_from,
    listed.status as status_to
from benchmark.later_tickets as tickets
cross join lateral unnest(array['In progress', 'In review', 'Done']) with ordinality as listed (status, place)
where tickets.is_new
union all
select
    tickets.n, tickets.ticket_id, 15, :as_of + interval '1 second' * (tickets.n % 3000),
    coalesce(last_step.status_to, 'To Do'),
    case when last_step.status_to = 'In progress' then 'In review' else 'In progress' end
from benchmark.later_tickets as tickets
left join lateral (
    select steps.* from benchmark.steps as steps where steps.n = tickets.n order by steps.place desc limit 1
) as last_step on true
where not tickets.is_new;

insert into benchmark.pull_requests
select
    :pull_requests + k, 'org' || (k % :repositories % :tech_streams) || '/repo' || k % :repositories,
    (1000000 + k)::integer, tickets.ticket_id, :as_of + interval '1 minute' * k, :as_of,
    :as_of + interval '1 minute' * k + interval '30 seconds', true, true, benchmark.sha('merge' || :pull_requests + k),
    md5('person' || k % 97), true
from generate_series(0, :new_pull_requests - 1) as k
inner join benchmark.later_tickets as tickets on tickets.n = :tickets + k;
"""

FILLED = (
    "stg_jira__issues", "stg_jira__issue_changes", "stg_jira__issue_events", "stg_github__fetched_pull_requests",
    "stg_github__fetched_reviews", "stg_github__pull_requests", "stg_github__pull_request_reviews",
    "stg_push__deployments", "stg_push__incidents",
)  # fmt: skip


def fill(engine: Engine, transitions: int) -> None:
    """Write the staged rows of a company with that many transitions; the staging tables must stand empty."""
    statements = [
        FUNCTIONS,
        *_tables_of_paths(),
        CONFIGURATION,
        TICKETS,
        FETCHED_TICKETS,
        DELIVERED_TICKETS.format(tickets="tickets", steps="steps"),
        PULL_REQUESTS,
        *_told_pull_requests("pr.n < :pull_requests"),
        DEPLOYMENTS.format(chosen=FIRST_DEPLOYMENTS),
        INCIDENTS,
    ]
    numbers = _numbers(transitions)
    told = {"first_landing_id": 0, "revision": 1, "until": AS_OF, "first_incident": 0}
    _run(engine, statements, numbers | told | {"last_incident": numbers["incidents"] - 1})
    _run(engine, [f"analyze staging.{table}" for table in FILLED], {})


def fill_later(engine: Engine, transitions: int) -> int:
    """Tell of what happened in the hour after `AS_OF`; returns how many staged rows were written."""
    numbers = _numbers(transitions)
    with engine.begin() as connection:
        # The revision of a build that wrote them, as the staging models draw it.
        revision = connection.execute(text("select nextval('staging.build_revision')")).scalar_one()
    statements = [
        INCREMENT,
        DELIVERED_TICKETS.format(tickets="later_tickets", steps="later_steps"),
        *_told_pull_requests("pr.n >= :pull_requests"),
        DEPLOYMENTS.format(chosen=LATER_DEPLOYMENTS),
        INCIDENTS,
    ]
    told = {
        "first_landing_id": 100_000_000,
        "revision": revision,
        "until": LATER,
        "first_incident": numbers["deployments"] // 10 + 1,
        "last_incident": numbers["deployments"] // 10 + 4,
    }
    return _run(engine, statements, numbers | told | LATER_EVENTS, count=True)


def _numbers(transitions: int) -> dict[str, object]:
    return {
        "as_of": AS_OF,
        "tickets": int(transitions / TRANSITIONS_OF_A_TICKET),
        "pull_requests": transitions // 10,
        "deployments": transitions // 20,
        "incidents": transitions // 200,
        "delivery_streams": DELIVERY_STREAMS,
        "tech_streams": TECH_STREAMS,
        "projects": PROJECTS,
        "repositories": REPOSITORIES,
        "statuses": [status for status, _, _ in STATUSES],
        "stages": [stage for _, stage, _ in STATUSES],
        "are_active": [is_active for _, _, is_active in STATUSES],
    }


def _tables_of_paths() -> list[str]:
    """The ways of tickets through their statuses, each with its range of a hundred."""
    rows, begin = [], 0
    for percent, statuses in PATHS:
        listed = ", ".join(f"'{status}'" for status in statuses.split(", "))
        rows.append(f"({begin}, {begin + percent}, array[{listed}])")
        begin += percent
    values = ", ".join(rows)
    return [f"create table benchmark.paths as select * from (values {values}) as t (from_percent, to_percent, path)"]


def _told_pull_requests(condition: str) -> list[str]:
    """Statements that stage pull requests: fetched as they ended, or delivered when they were opened and closed."""
    fetched = PULL_REQUEST_VALUES.format(
        key="'fetched:' || pr.repo_full_name || '#' || pr.pr_number", landing_id="null", action="''", is_fetched="true",
        at="least(pr.ended_at, :as_of)", first_commit_at="pr.first_commit_at", is_ended="pr.is_ended", size=SIZES,
        revision="1",
    )  # fmt: skip
    statements = [
        f"insert into staging.stg_github__fetched_pull_requests ({PULL_REQUEST_COLUMNS}, _dlt_load_id) "
        f"select {fetched}, '1' from benchmark.pull_requests as pr where not pr.is_delivered and {condition}"
    ]
    for number, (action, at, is_ended) in enumerate((("opened", "opened_at", "false"), ("closed", "ended_at", "true"))):
        landing_id = f"400000000 + pr.n * 4 + {number}"
        values = PULL_REQUEST_VALUES.format(
            key=f"'landing:' || ({landing_id})", landing_id=landing_id, action=f"'{action}'", is_fetched="false",
            at=f"pr.{at}", first_commit_at="null::timestamptz", is_ended=is_ended, size=SIZES, revision=":revision",
        )  # fmt: skip
        only_ended = " and pr.is_ended" if is_ended == "true" else ""
        statements.append(
            f"insert into staging.stg_github__pull_requests ({PULL_REQUEST_COLUMNS}) "
            f"select {values} from benchmark.pull_requests as pr where pr.is_delivered{only_ended} and {condition}"
        )
    return [*statements, *_told_reviews(condition)]


def _told_reviews(condition: str) -> list[str]:
    """One review of each pull request that ended, and a second one of every fifth."""
    statements = []
    for table, is_fetched in (("stg_github__fetched_reviews", "true"), ("stg_github__pull_request_reviews", "false")):
        landing_id = "null::bigint" if is_fetched == "true" else "400000000 + pr.n * 4 + 1 + reviews.number"
        key = "'review:' || pr.repo_full_name || '#' || pr.pr_number || '/' || reviews.number"
        values = PULL_REQUEST_VALUES.format(
            key=key, landing_id=landing_id, action="'submitted'", is_fetched=is_fetched, at="reviews.submitted_at",
            first_commit_at="null::timestamptz", is_ended="false", size="null, null, null, null,",
            revision=":revision",
        )  # fmt: skip
        statements.append(
            f"insert into staging.{table} ({PULL_REQUEST_COLUMNS}, review_id, reviewer_hash, reviewer_is_bot, "
            "review_state, submitted_at, reviewed_sha) "
            f"select {values}, (pr.n * 4 + reviews.number)::text, md5('person' || (pr.n + 1) % 97), false, "
            "case when reviews.number = 1 then 'approved' else 'changes_requested' end, reviews.submitted_at, "
            "benchmark.sha('head' || pr.n) from benchmark.pull_requests as pr "
            "cross join lateral (select number, pr.opened_at + (pr.ended_at - pr.opened_at) * (0.9 - 0.3 * number) "
            "as submitted_at from generate_series(1, case when pr.n % 5 = 0 then 2 else 1 end) as number) as reviews "
            f"where {'not ' if is_fetched == 'true' else ''}pr.is_delivered and pr.is_ended and {condition}"
        )
    return statements


def _run(engine: Engine, statements: list[str], numbers: dict[str, object], *, count: bool = False) -> int:
    """Run scripts of several statements in one transaction; how many rows they staged."""
    rows = 0
    # As bigint: psycopg would send a small number as smallint, which many functions do not take.
    typed = {name: Int8(value) if isinstance(value, int) else value for name, value in numbers.items()}
    with engine.begin() as connection:
        for script in statements:
            for statement in filter(str.strip, script.split(";\n")):
                done = connection.execute(text(statement), typed)
                rows += done.rowcount if count and "insert into staging" in statement else 0
    return rows
