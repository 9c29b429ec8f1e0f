"""Secrets come from files that something else mounts, one file for each secret.

In: the settings' secrets folder. Out: strings and bytes that are never logged.
In development and test a missing secret is generated once, readable by its owner alone.
"""

from __future__ import annotations

import os
import secrets as random_source
from pathlib import Path
from typing import Literal, Protocol

from core.settings import PLACEHOLDERS, Settings, SettingsError

SecretName = Literal[
    "pseudonym_key",  # HMAC key of every stored person identifier
    "github_webhook_secret",  # shared with the GitHub App
    "jira_webhook_secret",  # shared with the Jira webhook
    "jira_webhook_token",  # last part of the path of a Jira webhook that cannot sign
    "jira_api_token",  # of the account DPP_JIRA_EMAIL, or a personal access token
    "github_app_private_key",  # PEM of the App DPP_GITHUB_APP_ID
    "github_token",  # a personal access token, where there is no App
    "gitlab_webhook_secret",  # GitLab's secret token
    "gitlab_token",  # reads DPP_GITLAB_URL
    "bitbucket_webhook_secret",  # signs Bitbucket's webhooks
    "bitbucket_token",  # reads DPP_BITBUCKET_WORKSPACES
    "pagerduty_webhook_secret",  # signs PagerDuty's webhooks
    "opsgenie_webhook_token",  # bearer token of Opsgenie's outgoing webhook
    "alertmanager_webhook_token",  # bearer token of Alertmanager's receiver
    "database_password",  # of the embedded server, or of DPP_DATABASE_URL where that names none
    "oidc_client_secret",  # of the client OIDC_CLIENT_ID
    "demo_password",  # of the demo's people; exists in the demo only
    "demo_api_key",  # the demo's CI system signs its pushes with it
]
SHORTEST_SECRET = 16
# Others made these, so they are never generated.
MADE_BY_OTHERS = frozenset(
    {
        "jira_api_token",
        "github_app_private_key",
        "github_token",
        "gitlab_token",
        "bitbucket_token",
        "oidc_client_secret",
    }
)


class SecretsProvider(Protocol):
    """Where secrets come from. `get` raises `SettingsError` for one that is missing or a placeholder."""

    def get(self, name: SecretName) -> str:
        """The secret's value."""


class FileSecrets:
    """Secrets in files of one folder; `generate` makes those that are missing (development and test only)."""

    def __init__(self, folder: Path, *, generate: bool) -> None:
        self.folder = folder
        self.generate = generate

    def get(self, name: SecretName) -> str:
        """Read a secret; a missing one is generated where that is allowed, else refused by name."""
        path = self.folder / name
        if not path.exists():
            if not self.generate or name in MADE_BY_OTHERS:
                raise SettingsError(f"The secret {name} is missing: put it into the file {path}")
            self._generate(path)
        value = path.read_text(encoding="utf-8").strip()
        if not self.generate and (value.lower() in PLACEHOLDERS or len(value) < SHORTEST_SECRET):
            raise SettingsError(
                f"The secret {name} in {path} is a placeholder or shorter than {SHORTEST_SECRET} characters"
            )
        return value

    def _generate(self, path: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written aside and linked, so that two processes that start together agree on one value.
        draft = path.with_name(f".{path.name}.{os.getpid()}.{random_source.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(random_source.token_urlsafe(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()


def secrets_for(settings: Settings) -> SecretsProvider:
    """The provider that the settings name."""
    return FileSecrets(settings.secrets_path, generate=settings.environment in ("development", "test"))
