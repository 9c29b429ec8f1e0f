"""What can be asked of the GitLab source: bring it up to date, and register its projects.

In: settings (`gitlab_url`, `gitlab_groups`, `backfill_days`) and the secret `gitlab_token`. Out: rows in `raw_gitlab`
and in `config.repositories`, and what was done on record.
"""

from __future__ import annotations

from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings, SettingsError
from ingestion.pipelines import LoadResult
from ingestion.sources import changes, registry
from ingestion.sources.gitlab import gitlab, list_projects
from ingestion.sources.gitlab.client import GitLabClient
from ingestion.sources.registry import Registered


def pull_gitlab(settings: Settings) -> list[LoadResult]:
    """Merge requests, pipelines and deployments that changed since the last pull.

    Raises `SettingsError` where address, groups or token are missing, and what `changes.pull` raises.
    """
    client = _client(settings)
    cleaner = Pseudonymiser(secrets_for(settings).get("pseudonym_key"))
    return changes.pull(gitlab(client, settings.gitlab_groups, _configuration(settings), cleaner), settings)


def sync_repositories(settings: Settings) -> Registered:
    """Register the groups' projects in `config.repositories`: new ones, new names, archived ones.

    Raises `SettingsError`, and `VendorError` where a group cannot be listed (nothing is changed then).
    """
    client = _client(settings)
    return registry.sync(
        settings,
        provider="gitlab",
        configuration=_configuration(settings),
        list_repositories=lambda: list_projects(client, settings.gitlab_groups),
        use_meter=client.use_meter,
    )


def _client(settings: Settings) -> GitLabClient:
    if not settings.gitlab_url or not settings.gitlab_groups:
        raise SettingsError("DPP_GITLAB_URL and DPP_GITLAB_GROUPS say which GitLab is pulled; one of them is not set")
    return GitLabClient(settings.gitlab_url, secrets_for(settings).get("gitlab_token"))


def _configuration(settings: Settings) -> str:
    """What decides what is fetched: another address or a longer look back begins anew, another group does not."""
    return f"{(settings.gitlab_url or '').rstrip('/')} days={settings.backfill_days}"
