"""Tables of the schema `config`: streams, mappings, calendars.

Written by the admin view, `dpp config` and the syncs of the sources. Names and columns are those of specification
004 §4.2; what stands beside them says why.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, Boolean, Column, Date, ForeignKey, Integer, Numeric, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import UUID

from core.tables.columns import PIPELINE_STAGES, flag, identifier, instant, metadata, one_of, words

organisations = Table(
    "organisations",
    metadata,
    # A company or a part of it; its repositories are those of the code hosts' accounts that name it (003).
    identifier("organisation_id"),
    words("name", nullable=False),
    words("slug", nullable=False, unique=True),
    instant("created_at", default=True),
    instant("updated_at", default=True),
    schema="config",
)

organisation_accounts = Table(
    "organisation_accounts",
    metadata,
    # The owner part of a repository's name: a GitHub organisation, a GitLab group, a Bitbucket workspace.
    words("provider", primary_key=True),
    words("account_name", primary_key=True),
    Column("organisation_id", UUID, ForeignKey("config.organisations.organisation_id"), nullable=False),
    one_of("provider", ("github", "gitlab", "bitbucket")),
    schema="config",
)

teams = Table(
    "teams",
    metadata,
    identifier("team_id"),
    Column("organisation_id", UUID, ForeignKey("config.organisations.organisation_id"), nullable=False),
    words("name", nullable=False),
    words("slug", nullable=False),
    instant("created_at", default=True),
    UniqueConstraint("organisation_id", "slug"),
    schema="config",
)

team_repositories = Table(
    "team_repositories",
    metadata,
    # A team is what it looks after, not who it is: roll-ups follow repositories, never people.
    Column("team_id", UUID, ForeignKey("config.teams.team_id"), primary_key=True),
    Column("repo_id", UUID, ForeignKey("config.repositories.repo_id"), primary_key=True),
    schema="config",
)

delivery_streams = Table(
    "delivery_streams",
    metadata,
    identifier("stream_id"),
    words("name", nullable=False, unique=True),
    words("display_name", nullable=False),
    words("description"),
    flag("is_active", "true"),
    # Team size is the denominator of the survey response rate; the specification names no place for it.
    Column("team_size", Integer),
    instant("created_at", default=True),
    instant("updated_at", default=True),
    schema="config",
)

tech_streams = Table(
    "tech_streams",
    metadata,
    identifier("stream_id"),
    words("name", nullable=False, unique=True),
    words("display_name", nullable=False),
    words("github_org", nullable=False, unique=True),
    words("github_install_id", nullable=False),
    words("description"),
    flag("is_active", "true"),
    # Lead time runs from the pull request's opening or from its first commit (004 §6.4.4, by stream).
    words("lead_time_method", nullable=False, server_default="pull_request"),
    # Overrides the default ticket pattern of 004 §5.3.4 for this stream.
    words("ticket_pattern"),
    instant("created_at", default=True),
    instant("updated_at", default=True),
    one_of("lead_time_method", ("pull_request", "first_commit")),
    schema="config",
)

jira_projects = Table(
    "jira_projects",
    metadata,
    words("jira_project_key", primary_key=True),
    words("name"),
    # The methods of 004 §5.2.4 in the order in which they are tried for this project.
    Column(
        "stream_methods",
        ARRAY(Text),
        nullable=False,
        server_default=text("array['field', 'project', 'label', 'component']"),
    ),
    # The stream that the method `project` yields.
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    flag("is_active", "true"),
    schema="config",
)

field_mappings = Table(
    "field_mappings",
    metadata,
    words("internal_field", primary_key=True),
    # A Jira field id such as customfield_10020; sites differ, so nothing is assumed (004 Appendix A).
    words("jira_field_id", nullable=False),
    # What the site said of the field when the mapping was last checked (000 §1 and §4).
    words("jira_field_name"),
    words("jira_field_type"),
    # Why the mapping cannot be used, in one sentence; NULL for a good one.
    words("problem"),
    instant("checked_at"),
    schema="config",
)

status_mappings = Table(
    "status_mappings",
    metadata,
    identifier("mapping_id"),
    words("jira_project_key", nullable=False),
    words("jira_status_name", nullable=False),
    words("pipeline_stage", nullable=False),
    Column("is_active_work", Boolean, nullable=False),
    Column("display_order", Integer, nullable=False),
    one_of("pipeline_stage", PIPELINE_STAGES),
    UniqueConstraint("jira_project_key", "jira_status_name"),
    schema="config",
)

repositories = Table(
    "repositories",
    metadata,
    identifier("repo_id"),
    Column("tech_stream_id", UUID, ForeignKey("config.tech_streams.stream_id"), nullable=False),
    words("github_org", nullable=False),
    words("github_repo_name", nullable=False),
    words("full_name", nullable=False),
    words("default_branch", nullable=False, server_default="main"),
    flag("is_deployable", "true"),
    words("deploy_target"),
    flag("is_active", "true"),
    # Whose the repository is, and the number under which it survives a new name (003).
    words("provider", nullable=False, server_default="github"),
    words("provider_id"),
    one_of("provider", ("github", "gitlab", "bitbucket")),
    UniqueConstraint("github_org", "github_repo_name"),
    schema="config",
)

repository_aliases = Table(
    "repository_aliases",
    metadata,
    # A name that a repository had before it was renamed or transferred: what was said under it still counts.
    words("former_full_name", primary_key=True),
    words("full_name", nullable=False),
    instant("known_since", default=True),
    schema="config",
)

github_installations = Table(
    "github_installations",
    metadata,
    # Where the GitHub App is installed: one row for each organisation, as GitHub lists them.
    words("installation_id", primary_key=True),
    words("account_login", nullable=False),
    words("state", nullable=False, server_default="active"),
    instant("updated_at", default=True),
    one_of("state", ("active", "suspended", "removed")),
    schema="config",
)

sprints = Table(
    "sprints",
    metadata,
    identifier("sprint_id"),
    words("jira_sprint_id", nullable=False, unique=True),
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    words("name", nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    words("goal"),
    words("state"),
    one_of("state", ("future", "active", "closed")),
    schema="config",
)

holidays = Table(
    "holidays",
    metadata,
    Column("holiday_date", Date, primary_key=True),
    words("name", nullable=False),
    schema="config",
)

thresholds = Table(
    "thresholds",
    metadata,
    words("name", primary_key=True),
    Column("value", Numeric, nullable=False),
    words("description", nullable=False),
    schema="config",
)

bottleneck_severities = Table(
    "bottleneck_severities",
    metadata,
    # The rules of 004 §6.7: the most severe one that matches wins. NULL is no bound; a stream whose sprint
    # confidence is unknown matches the rules that have no upper bound of confidence.
    identifier("rule_id"),
    Column("impacted_from", Integer, nullable=False),
    Column("impacted_to", Integer),
    Column("confidence_from_pct", Numeric),
    Column("confidence_below_pct", Numeric),
    words("severity", nullable=False),
    one_of("severity", ("none", "low", "medium", "high", "critical")),
    schema="config",
)

manual_links = Table(
    "manual_links",
    metadata,
    words("repo_full_name", primary_key=True),
    Column("pr_number", Integer, primary_key=True),
    words("ticket_id", nullable=False),
    instant("linked_at", default=True),
    # The API key or the user who corrected it.
    words("linked_by"),
    schema="config",
)

bots = Table(
    "bots",
    metadata,
    # The pseudonym of a bot account, beside what the vendor marks as a bot itself.
    words("person_hash", primary_key=True),
    instant("added_at", default=True),
    schema="config",
)

notes_on_charts = Table(
    "annotations",
    metadata,
    identifier("annotation_id"),
    Column("annotated_on", Date, nullable=False),
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    words("text", nullable=False),
    instant("created_at", default=True),
    schema="config",
)
