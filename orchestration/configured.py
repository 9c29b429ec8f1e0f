"""Which sources are configured: a source without its settings is not run, and says nothing.

In: settings. Out: yes or no for each source. A secret that is missing is an error of the run, not a source less.
"""

from __future__ import annotations

from core.settings import Settings


def jira_is_configured(settings: Settings) -> bool:
    """A site is named."""
    return settings.jira_url is not None


def github_is_configured(settings: Settings) -> bool:
    """An App is named, or organisations for a personal token, or such a token lies among the secrets."""
    has_token = (settings.secrets_path / "github_token").exists()
    return bool(settings.github_app_id or settings.github_organisations or has_token)


def gitlab_is_configured(settings: Settings) -> bool:
    """An address and groups are named."""
    return settings.gitlab_url is not None and bool(settings.gitlab_groups)


def bitbucket_is_configured(settings: Settings) -> bool:
    """Workspaces are named."""
    return bool(settings.bitbucket_workspaces)


def git_is_configured(settings: Settings) -> bool:
    """A folder of clones or clones by name are named."""
    return settings.git_folder is not None or bool(settings.git_repositories)
