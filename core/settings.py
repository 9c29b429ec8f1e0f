"""Every setting of the platform, typed and checked once.

In: environment variables (`DPP_…`, and the specification's `AUTH_METHOD`,
`SESSION_DURATION_MINUTES`, `PASSWORD_HASH_ALGORITHM`). Out: one frozen `Settings`.
A wrong value stops the start with a sentence that names the variable, the value
and what is allowed. No other module reads the environment.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parents[1]
PLACEHOLDERS = frozenset({"changeme", "change-me", "secret", "password", "example", "todo", "xxx"})
MEGABYTE = 1024 * 1024


class SettingsError(Exception):
    """The settings cannot be used; the message is for the person who starts the program."""


class Settings(BaseSettings):
    """What an operator can choose. Defaults are right for trying the platform on one machine."""

    model_config = SettingsConfigDict(env_prefix="DPP_", frozen=True, extra="ignore", populate_by_name=True)

    environment: Literal["development", "test", "staging", "production"] = Field(
        "development",
        description="Outside `development` and `test`, placeholders and the embedded database are refused.",
    )
    home: Path = Field(
        PROJECT_ROOT / ".dpp", description="Folder for the embedded database, generated secrets, archive and logs."
    )
    database_url: str | None = Field(
        None, description="PostgreSQL URL; empty starts the embedded server. Its password may be a secret instead."
    )
    secrets_folder: Path | None = Field(
        None, description="Folder with one file for each secret; empty means `<home>/secrets`."
    )
    archive_url: str | None = Field(None, description="fsspec URL of the event archive; empty means `<home>/archive`.")
    timezone: str = Field("UTC", description="The organisation's time zone: where days, weeks and weekends begin.")
    host: str = Field("127.0.0.1", description="Address on which the web service and Dagster listen.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="Port of dashboard, API and webhooks.")
    dagster_port: Annotated[int, Field(ge=1, le=65535)] = Field(3000, description="Port of the Dagster web page.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="`json` for machines, `console` for people.")
    max_body_bytes: Annotated[int, Field(ge=1024)] = Field(
        25 * MEGABYTE, description="Largest request body of a webhook or a push, in bytes."
    )
    auth_method: Literal["database", "oidc"] = Field(
        "database",
        validation_alias=AliasChoices("AUTH_METHOD", "DPP_AUTH_METHOD"),
        description="How people sign in: users in the database, or OpenID Connect.",
    )
    session_duration_minutes: Annotated[int, Field(ge=1, le=60 * 24 * 30)] = Field(
        480,
        validation_alias=AliasChoices("SESSION_DURATION_MINUTES", "DPP_SESSION_DURATION_MINUTES"),
        description="A session ends after this many minutes.",
    )
    password_hash_algorithm: Literal["argon2id"] = Field(
        "argon2id",
        validation_alias=AliasChoices("PASSWORD_HASH_ALGORITHM", "DPP_PASSWORD_HASH_ALGORITHM"),
        description="Key-derivation function for stored passwords.",
    )
    oidc_issuer_url: str = Field(
        "",
        validation_alias=AliasChoices("OIDC_ISSUER_URL", "DPP_OIDC_ISSUER_URL"),
        description="Issuer of the identity provider, such as https://login.microsoftonline.com/TENANT/v2.0.",
    )
    oidc_client_id: str = Field(
        "",
        validation_alias=AliasChoices("OIDC_CLIENT_ID", "DPP_OIDC_CLIENT_ID"),
        description="The platform's client id at the identity provider. Its secret: oidc_client_secret.",
    )
    oidc_redirect_uri: str = Field(
        "",
        validation_alias=AliasChoices("OIDC_REDIRECT_URI", "DPP_OIDC_REDIRECT_URI"),
        description="Where the identity provider sends people back: the platform's address and /auth/callback.",
    )
    oidc_scopes: str = Field(
        "openid profile email",
        validation_alias=AliasChoices("OIDC_SCOPES", "DPP_OIDC_SCOPES"),
        description="What the identity provider is asked for, separated by blanks.",
    )
    oidc_group_claim: str = Field(
        "groups",
        validation_alias=AliasChoices("OIDC_GROUP_CLAIM", "DPP_OIDC_GROUP_CLAIM"),
        description="The claim that holds a person's groups; `roles` for app roles of Entra ID.",
    )
    correlation_window_minutes: Annotated[int, Field(ge=1)] = Field(
        60, description="An incident within this time after a production deployment is blamed on it."
    )
    first_deployment_guard_days: Annotated[int, Field(ge=1)] = Field(
        90, description="A repository's first deployment carries no pull request merged longer ago than this."
    )
    small_team_minimum: Annotated[int, Field(ge=1)] = Field(
        6, description="Below this many contributors no per-person distribution is shown."
    )
    pulse_minimum_responses: Annotated[int, Field(ge=1)] = Field(
        4, description="Below this many answers a survey period of a stream shows no averages."
    )
    count_bot_pull_requests: bool = Field(
        False, description="Whether bots' pull requests count in review and cycle times; else they are left out."
    )
    jira_url: str | None = Field(
        None, description="Address of the Jira site that is pulled; empty: none. Its secret: jira_api_token."
    )
    jira_deployment: Literal["cloud", "data_center"] = Field(
        "cloud", description="Which Jira it is: Cloud (REST v3) or Data Center (REST v2)."
    )
    jira_email: str = Field(
        "", description="The account whose API token reads the Jira site; empty: the token is a personal access token."
    )
    jira_jql: str = Field("", description="Which issues are pulled, in Jira's query language; empty: all.")
    github_api_url: str = Field(
        "https://api.github.com", description="Address of GitHub's API; a GitHub Enterprise Server has its own."
    )
    github_app_id: str = Field(
        "", description="Number of the GitHub App that reads; empty: none. Its secret: github_app_private_key."
    )
    github_organisations: tuple[str, ...] = Field(
        (),
        description="Organisations that a personal token (secret github_token) reads, as a JSON list.",
    )
    github_rate_limit_floor: Annotated[int, Field(ge=0)] = Field(
        500, description="Below this many requests left of GitHub's hourly limit, what is not urgent is put off."
    )
    backfill_days: Annotated[int, Field(ge=1)] = Field(
        550, description="How far back the first reading of a repository goes, at every provider."
    )
    gitlab_url: str | None = Field(
        None, description="Address of the GitLab that is pulled; empty: none. Its secret: gitlab_token."
    )
    gitlab_groups: tuple[str, ...] = Field((), description="GitLab groups whose projects are pulled, as a JSON list.")
    bitbucket_api_url: str = Field("https://api.bitbucket.org/2.0", description="Address of Bitbucket Cloud's API.")
    bitbucket_workspaces: tuple[str, ...] = Field(
        (), description="Bitbucket workspaces that are pulled, as a JSON list; empty: none. Secret: bitbucket_token."
    )
    git_folder: Path | None = Field(
        None, description="Folder of clones, as organisation/name, whose history is read every day; empty: none."
    )
    git_repositories: dict[str, str] = Field(
        {},
        description="Clones to read beside those of the folder: a JSON object, organisation/name to path or URL.",
    )
    forecast_simulations: Annotated[int, Field(ge=100, le=1_000_000)] = Field(
        10_000, description="Monte Carlo iterations of a delivery forecast."
    )

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not a time zone of the IANA database, such as Europe/London") from error
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres_only(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not value.startswith(("postgresql://", "postgres://", "postgresql+psycopg://", "postgresql+psycopg2://")):
            raise ValueError("not a PostgreSQL URL, such as postgresql://user@host:5432/dpp")
        return value

    @model_validator(mode="after")
    def _oidc_is_complete(self) -> Settings:
        if self.auth_method == "oidc":
            missing = [
                name.upper()
                for name in ("oidc_issuer_url", "oidc_client_id", "oidc_redirect_uri")
                if not getattr(self, name)
            ]
            if missing:
                raise ValueError(f"AUTH_METHOD = 'oidc' needs {', '.join(missing)}")
            if not self.oidc_issuer_url.startswith("https://"):
                raise ValueError(
                    f"OIDC_ISSUER_URL = {self.oidc_issuer_url!r}: an issuer's address begins with https://"
                )
        return self

    @model_validator(mode="after")
    def _production_is_explicit(self) -> Settings:
        if self.environment in ("development", "test"):
            return self
        if self.database_url is None:
            raise ValueError(
                f"DPP_DATABASE_URL is not set: the embedded database is for trying, not for {self.environment}"
            )
        password = self.database_url.rpartition("@")[0].rpartition(":")[2]
        if password.lower() in PLACEHOLDERS:
            raise ValueError(f"DPP_DATABASE_URL holds a placeholder password, refused in {self.environment}")
        return self

    @property
    def secrets_path(self) -> Path:
        """Folder in which the secrets provider looks."""
        return self.secrets_folder or self.home / "secrets"

    @property
    def archive_location(self) -> str:
        """fsspec URL of the event archive."""
        return self.archive_url or (self.home / "archive").as_uri()

    @property
    def web_url(self) -> str:
        """Where a person on this machine reaches the web service."""
        return f"http://{'localhost' if self.host in ('127.0.0.1', '0.0.0.0') else self.host}:{self.port}"

    @property
    def dagster_url(self) -> str:
        """Where a person on this machine reaches Dagster."""
        return f"http://{'localhost' if self.host in ('127.0.0.1', '0.0.0.0') else self.host}:{self.dagster_port}"


def load_settings(**overrides: object) -> Settings:
    """Read and check the settings; raises `SettingsError` with one sentence for each wrong one."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(item) for item in error.errors())) from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()


def _sentence(item: object) -> str:
    """One line for one wrong setting: variable, value, allowed values."""
    assert isinstance(item, dict)
    name = str(item["loc"][0]) if item["loc"] else ""
    variable = name if name.isupper() else f"DPP_{name.upper()}"
    message = str(item["msg"]).removeprefix("Value error, ")
    if not name:
        return message
    shown = "(hidden)" if "url" in name else repr(item["input"])
    return f"{variable} = {shown}: {message}"


def exit_on_wrong_settings() -> Settings:
    """Settings for a program's entry point: prints the sentences and ends with status 1 when they are wrong."""
    try:
        return get_settings()
    except SettingsError as error:
        sys.stderr.write(f"Cannot start: {error}\n")
        raise SystemExit(1) from None
