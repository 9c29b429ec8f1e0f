"""Which organisations we read at GitHub, and as whom.

In: the settings and their secrets. Out: `Organisation` objects, each with a client of its own. With an App, these are
its installations; with a personal token, the organisations of the settings or else the token's own repositories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.operations import Meter
from ingestion.sources.github.authentication import AppToken, InstallationToken, PersonalToken
from ingestion.sources.github.client import GithubClient
from ingestion.sources.github.errors import GithubError
from ingestion.sources.github.limits import Budget
from ingestion.sources.github.payloads import instant
from ingestion.sources.github.repositories import Repository, repositories_of, safe_name

OWN_REPOSITORIES = "the token's own repositories"


@dataclass(frozen=True)
class Installation:
    """Where the App is installed, as GitHub lists it; the account of a person is its pseudonym."""

    installation_id: str
    account: str
    is_suspended: bool


@dataclass(frozen=True)
class Organisation:
    """Some repositories that are read with one credential."""

    label: str
    client: GithubClient
    path: str
    parameters: dict[str, str]
    rows_in: str | None = None
    installation_id: str | None = None

    def repositories(self, pseudonymiser: Pseudonymiser) -> list[Repository]:
        """All of them, in the order of GitHub's list. Raises `GithubError` and `Deferred`."""
        pages = self.client.pages(self.path, self.rows_in, **self.parameters)
        return [repository for page in pages for repository in repositories_of(page, pseudonymiser)]


class Access:
    """What the settings let us read. Raises `SettingsError` where the secret is missing."""

    def __init__(self, settings: Settings) -> None:
        secrets = secrets_for(settings)
        self.api_url = settings.github_api_url.rstrip("/")
        self.pseudonymiser = Pseudonymiser(secrets.get("pseudonym_key"))
        self.is_app = bool(settings.github_app_id)
        self._floor = settings.github_rate_limit_floor
        self._organisations = settings.github_organisations
        if self.is_app:
            self._credential: AppToken | PersonalToken = AppToken(
                settings.github_app_id, secrets.get("github_app_private_key")
            )
        else:
            self._credential = PersonalToken(secrets.get("github_token"))
        self._client = GithubClient(self.api_url, self._credential, Budget(), Meter())

    def installations(self, meter: Meter) -> list[Installation]:
        """Where the App is installed. Raises `GithubError`."""
        self._client.meter = meter
        try:
            return [self._installation(row) for page in self._client.pages("/app/installations") for row in page]
        except (KeyError, TypeError) as error:
            raise GithubError(f"an installation came without {error}") from error

    def organisations(self, meter: Meter) -> Iterator[Organisation]:
        """What is read, one organisation after the other. Raises `GithubError`."""
        if self.is_app:
            for installation in self.installations(meter):
                if not installation.is_suspended:
                    yield self._installed(installation)
            return
        # One token has one budget, whatever it reads.
        client = GithubClient(self.api_url, self._credential, Budget(self._floor), meter)
        for name in self._organisations:
            yield Organisation(name, client, f"/orgs/{name}/repos", {"type": "all"})
        if not self._organisations:
            yield Organisation(OWN_REPOSITORIES, client, "/user/repos", {"affiliation": "owner"})

    def _installation(self, row: dict[str, Any]) -> Installation:
        account = row["account"]
        return Installation(
            installation_id=str(row["id"]),
            account=safe_name(str(account["login"]), account, self.pseudonymiser),
            is_suspended=row.get("suspended_at") is not None,
        )

    def _installed(self, installation: Installation) -> Organisation:
        def make() -> tuple[str, datetime]:
            self._client.meter = client.meter
            answer = self._client.post(f"/app/installations/{installation.installation_id}/access_tokens")
            try:
                return str(answer["token"]), instant(answer["expires_at"])
            except (KeyError, ValueError) as error:
                raise GithubError(f"the token of an installation came without {error}") from error

        client = GithubClient(self.api_url, InstallationToken(make), Budget(self._floor), Meter())
        return Organisation(
            label=installation.account,
            client=client,
            path="/installation/repositories",
            parameters={},
            rows_in="repositories",
            installation_id=installation.installation_id,
        )
