"""Every call of a source, by name: what Dagster runs on its schedules and `dpp pull` by hand.

In: settings. Out: `PULLS`, which fill raw tables, and `NIGHTLY`, which compare them with the vendor and bring the
registry up to date. A source without its settings is not configured: it is not run, and says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from logging import Logger

from core.database import get_engine
from core.settings import Settings
from ingestion.operations import Deferred
from ingestion.pipelines import LoadResult
from ingestion.sources.bitbucket import pull as bitbucket
from ingestion.sources.git_history.pull import pull_git
from ingestion.sources.github import pull as github
from ingestion.sources.gitlab import pull as gitlab
from ingestion.sources.jira.fields import check_mappings
from ingestion.sources.jira.pull import pull_jira, pull_registry, pull_sprints, reconcile_jira, sync_sprints
from ingestion.sources.tables import RawTable
from ingestion.sources.tables import github as github_tables
from ingestion.sources.tables import jira as jira_tables
from ingestion.sources.tables.bitbucket import BITBUCKET_TABLES
from ingestion.sources.tables.git import GIT_TABLES
from ingestion.sources.tables.gitlab import GITLAB_TABLES


@dataclass(frozen=True)
class Pull:
    """One call of a source, what it is good for, and the raw tables that it fills."""

    name: str
    purpose: str
    call: Callable[[Settings], object]
    tables: tuple[RawTable, ...]
    is_configured: Callable[[Settings], bool]


def results_of(pull: Pull, settings: Settings, log: Logger) -> list[LoadResult]:
    """Call it; what was loaded, nothing where it loads nothing.

    What a vendor's rate limit puts off is no failure: it goes on with the next run.
    """
    try:
        outcome = pull.call(settings)
    except Deferred as deferred:
        log.warning(f"{pull.name}: {deferred}")
        return []
    log.info(f"{pull.name}: {outcome}")
    return [result for result in outcome if isinstance(result, LoadResult)] if isinstance(outcome, Sequence) else []


def counted(table: RawTable, results: Sequence[LoadResult]) -> dict[str, int]:
    """How many rows of a table were fetched and loaded, as Dagster shows it beside the table."""
    counts = [result.tables[table.name] for result in results if table.name in result.tables]
    return {"fetched": sum(count.fetched for count in counts), "loaded": sum(count.loaded for count in counts)}


def pull_what_the_site_knows(settings: Settings) -> Sequence[LoadResult]:
    """Fields, projects, statuses and boards of the Jira site; the field mappings are checked against them."""
    results = pull_registry(settings)
    with get_engine().begin() as connection:
        check_mappings(connection)
    return results


def pull_sprints_of_boards(settings: Settings) -> Sequence[LoadResult]:
    """Open and recently closed sprints of all boards and who is in them; `config.sprints` follows."""
    results = pull_sprints(settings)
    sync_sprints(settings)
    return results


def _jira(settings: Settings) -> bool:
    return settings.jira_url is not None


def _gitlab(settings: Settings) -> bool:
    return settings.gitlab_url is not None and bool(settings.gitlab_groups)


def _bitbucket(settings: Settings) -> bool:
    return bool(settings.bitbucket_workspaces)


def _git(settings: Settings) -> bool:
    return settings.git_folder is not None or bool(settings.git_repositories)


JIRA_REGISTRY = (
    jira_tables.JIRA_FIELDS,
    jira_tables.JIRA_STATUSES,
    jira_tables.JIRA_PROJECTS,
    jira_tables.JIRA_BOARDS,
)
JIRA_SPRINTS = (jira_tables.JIRA_SPRINTS, jira_tables.JIRA_SPRINT_ISSUES)
GITHUB_HISTORY = (
    github_tables.GITHUB_PULL_REQUESTS,
    github_tables.GITHUB_RELEASES,
    github_tables.GITHUB_DEPLOYMENTS,
)
PULLS = (
    Pull("jira", "issues that changed", pull_jira, (jira_tables.JIRA_ISSUES,), _jira),
    Pull("jira-registry", "fields, statuses, projects, boards", pull_what_the_site_knows, JIRA_REGISTRY, _jira),
    Pull("jira-sprints", "sprints and who is in them", pull_sprints_of_boards, JIRA_SPRINTS, _jira),
    Pull("github", "pull requests, releases, deployments", github.pull_github, GITHUB_HISTORY, github.is_configured),
    Pull("gitlab", "merge requests, pipelines, deployments", gitlab.pull_gitlab, GITLAB_TABLES, _gitlab),
    Pull("bitbucket", "pull requests and pipelines", bitbucket.pull_bitbucket, BITBUCKET_TABLES, _bitbucket),
    Pull("git", "histories of clones", pull_git, GIT_TABLES, _git),
)
NIGHTLY = (
    Pull("jira-deletions", "what was deleted or moved", reconcile_jira, (jira_tables.JIRA_TOMBSTONES,), _jira),
    Pull(
        "github-repositories",
        "which there are, under which name",
        github.sync_repositories,
        (github_tables.GITHUB_REPOSITORIES,),
        github.is_configured,
    ),
    Pull("github-gaps", "what webhooks missed", github.fill_gaps, (), github.is_configured),
    Pull("gitlab-projects", "which there are, under which name", gitlab.sync_repositories, (), _gitlab),
    Pull("bitbucket-repositories", "which there are, under which name", bitbucket.sync_repositories, (), _bitbucket),
)
