"""What can be asked of the Bitbucket source: bring it up to date, and register its repositories.

In: settings (`bitbucket_api_url`, `bitbucket_workspaces`, `backfill_days`) and the secret `bitbucket_token`. Out: rows
in `raw_bitbucket` and in `config.repositories`, and what was done on record.
"""

from __future__ import annotations

from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings, SettingsError
from ingestion.pipelines import LoadResult
from ingestion.sources import changes, registry
from ingestion.sources.bitbucket import bitbucket, list_repositories
from ingestion.sources.bitbucket.client import BitbucketClient
from ingestion.sources.registry import Registered


def pull_bitbucket(settings: Settings) -> list[LoadResult]:
    """Pull requests, pipelines and their deployments that changed since the last pull.

    Raises `SettingsError` where workspaces or token are missing, and what `changes.pull` raises.
    """
    client = _client(settings)
    cleaner = Pseudonymiser(secrets_for(settings).get("pseudonym_key"))
    provider = bitbucket(client, settings.bitbucket_workspaces, _configuration(settings), cleaner)
    return changes.pull(provider, settings)


def sync_repositories(settings: Settings) -> Registered:
    """Register the workspaces' repositories in `config.repositories`: new ones and new names.

    Raises `SettingsError`, and `VendorError` where a workspace cannot be listed (nothing is changed then).
    """
    client = _client(settings)
    return registry.sync(
        settings,
        provider="bitbucket",
        configuration=_configuration(settings),
        list_repositories=lambda: list_repositories(client, settings.bitbucket_workspaces),
        use_meter=client.use_meter,
    )


def _client(settings: Settings) -> BitbucketClient:
    if not settings.bitbucket_workspaces:
        raise SettingsError("DPP_BITBUCKET_WORKSPACES says which workspaces are pulled; it is not set")
    return BitbucketClient(settings.bitbucket_api_url, secrets_for(settings).get("bitbucket_token"))


def _configuration(settings: Settings) -> str:
    """What decides what is fetched: another address or a longer look back begins anew, another workspace does not."""
    return f"{settings.bitbucket_api_url.rstrip('/')} days={settings.backfill_days}"
