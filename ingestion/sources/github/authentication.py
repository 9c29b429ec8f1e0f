"""Who reads GitHub: an App with a token for each organisation, or one person's token.

In: the App's number and private key, or a personal token. Out: the Authorization of each request. Tokens live in
memory alone. Installation tokens are made when first needed, kept until shortly before they end, and made anew when
GitHub refuses one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta

import jwt
from requests import PreparedRequest
from requests.auth import AuthBase

from core import clock
from ingestion.sources.github.errors import GithubError

# GitHub takes ten minutes at most and refuses an issue time in its future: clocks differ.
LIFE_OF_AN_APP_TOKEN = timedelta(minutes=9)
CLOCKS_DIFFER_BY = timedelta(seconds=60)
# A request that takes long must not outlive its token.
RENEWED_BEFORE_END = timedelta(minutes=5)

# Makes a token for an installation: the token, and when it ends.
TokenMaker = Callable[[], tuple[str, datetime]]


class Credential(AuthBase, ABC):
    """What authorises a request. It sets the header itself: `requests` would else let a `.netrc` file override it."""

    @abstractmethod
    def token(self) -> str:
        """The token of the next request."""

    def renew(self) -> bool:
        """Asked after a refusal (401): True where the next request would carry another token."""
        return False

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authorise one request."""
        request.headers["Authorization"] = f"Bearer {self.token()}"
        return request


class PersonalToken(Credential):
    """A personal access token, classic or fine-grained."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """The token as it is."""
        return self._token


class AppToken(Credential):
    """The App itself: a JWT signed with its private key, good for listing installations and making their tokens."""

    def __init__(self, app_id: str, private_key: str) -> None:
        self._app_id = app_id
        self._private_key = private_key

    def token(self) -> str:
        """A fresh JWT; raises `GithubError` where the private key cannot be read."""
        now = clock.now()
        claims = {"iat": now - CLOCKS_DIFFER_BY, "exp": now + LIFE_OF_AN_APP_TOKEN, "iss": self._app_id}
        try:
            return jwt.encode(claims, self._private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise GithubError(
                f"the secret github_app_private_key is not the PEM file of an RSA key ({type(error).__name__})"
            ) from None


class InstallationToken(Credential):
    """One installation of the App: its token, made by `make` and kept until shortly before its end."""

    def __init__(self, make: TokenMaker) -> None:
        self._make = make
        self._kept: tuple[str, datetime] | None = None

    def token(self) -> str:
        """The kept token, or a new one where it ends soon."""
        if self._kept is None or self._kept[1] - clock.now() < RENEWED_BEFORE_END:
            self._kept = self._make()
        return self._kept[0]

    def renew(self) -> bool:
        """A refused token is dropped: an App's tokens end early when its permissions change."""
        self._kept = None
        return True
