"""The identity provider: sends people there, and says who has come back.

In: the OpenID Connect settings and the client's secret. Out: the address to send a browser to, and checked claims.
msal runs the flow (PKCE, state, nonce); it does not check the ID token, which is the application's business:
signature, issuer, audience, age and nonce are checked here.
"""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import jwt
import msal  # type: ignore[import-untyped]
import requests

from core import clock
from core.settings import Settings

TIMEOUT_SECONDS = 10
# How far the provider's clock may be from ours.
LEEWAY_SECONDS = 120
# `none` and shared-key algorithms would let anybody, or any other client, sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
# msal asks for these by itself, and refuses to be told.
_RESERVED_SCOPES = frozenset({"openid", "profile", "offline_access"})


class SignInRefused(Exception):
    """The person is not signed in; the message is a sentence for them, `reason` a word for the audit log."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ProviderUnavailable(SignInRefused):
    """The identity provider does not answer as it should; trying again later may help."""

    def __init__(self) -> None:
        super().__init__("provider_unavailable", "The identity provider does not answer. Please try again in a minute.")


@dataclass(frozen=True)
class Provider:
    """What the provider's discovery document says, as far as it is needed."""

    issuer: str
    jwks_uri: str
    end_session_endpoint: str | None


class IdentityProvider:
    """One OpenID Connect provider, seen by one client. Asks nothing of the network before the first sign-in."""

    def __init__(self, settings: Settings, client_secret: str) -> None:
        self._settings = settings
        self._client_secret = client_secret
        self._scopes = [scope for scope in settings.oidc_scopes.split() if scope not in _RESERVED_SCOPES]
        self._lock = threading.Lock()
        self._client: msal.ConfidentialClientApplication | None = None
        self._provider: Provider | None = None
        self._keys: dict[str, jwt.PyJWK] = {}

    def begin(self) -> dict[str, Any]:
        """A new flow: `auth_uri` is where the browser goes, `state` what it brings back. JSON; keep it for `finish`."""
        client = self._connected()
        with warnings.catch_warnings():
            # msal recommends that the answer comes as a posted form. A form from another site brings no SameSite=Lax
            # cookie, and the cookie is what binds the answer to this browser; the code in the address works once.
            warnings.filterwarnings("ignore", message="response_mode=")
            flow = client.initiate_auth_code_flow(self._scopes, redirect_uri=self._settings.oidc_redirect_uri)
        return cast(dict[str, Any], flow)

    def finish(self, flow: dict[str, Any], answer: Mapping[str, str]) -> dict[str, Any]:
        """The checked claims of the person who came back with these parameters. Raises `SignInRefused`."""
        client = self._connected()
        try:
            result = client.acquire_token_by_auth_code_flow(flow, dict(answer))
        except (ValueError, RuntimeError, KeyError) as error:
            # msal's words for a state or a nonce that is not ours hold the token; they stay here. A token without
            # a subject is a KeyError of its token cache.
            raise SignInRefused("flow_mismatch", "This sign-in does not belong to this browser. Try again.") from error
        except requests.RequestException as error:
            raise ProviderUnavailable from error
        token = result.get("id_token")
        if not isinstance(token, str):
            raise _refused_by_provider(str(result.get("error", "")))
        return self.check(token, nonce=str(flow["nonce"]))

    def check(self, token: str, *, nonce: str) -> dict[str, Any]:
        """The claims of an ID token: the provider's, for us, of now, of this flow. Raises `SignInRefused`."""
        provider = self._discovered()
        try:
            claims = jwt.decode(
                token,
                self._key(token),
                algorithms=list(ALGORITHMS),
                audience=self._settings.oidc_client_id,
                issuer=provider.issuer,
                # The age is checked below, by the platform's own clock.
                options={"require": ["exp", "iat", "aud", "iss", "sub"], "verify_exp": False, "verify_iat": False,
                         "verify_nbf": False},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise _wrong_token(type(error).__name__) from error
        now = clock.now().timestamp()
        if now > claims["exp"] + LEEWAY_SECONDS or now < claims.get("nbf", claims["iat"]) - LEEWAY_SECONDS:
            raise _wrong_token("wrong_time")
        if claims.get("nonce") != hashlib.sha256(nonce.encode()).hexdigest():
            raise _wrong_token("wrong_nonce")
        authorised = claims.get("azp", self._settings.oidc_client_id)
        if isinstance(claims["aud"], list) and authorised != self._settings.oidc_client_id:
            raise _wrong_token("wrong_party")
        return claims

    def sign_out_address(self) -> str | None:
        """Where the provider ends its own session; None where it has no such place or was never asked."""
        return None if self._provider is None else self._provider.end_session_endpoint

    def _connected(self) -> msal.ConfidentialClientApplication:
        with self._lock:
            if self._client is None:
                try:
                    self._client = msal.ConfidentialClientApplication(
                        self._settings.oidc_client_id,
                        client_credential=self._client_secret,
                        oidc_authority=self._settings.oidc_issuer_url.rstrip("/"),
                        timeout=TIMEOUT_SECONDS,
                    )
                except (ValueError, requests.RequestException) as error:
                    raise ProviderUnavailable from error
            return self._client

    def _discovered(self) -> Provider:
        if self._provider is None:
            document = self._fetch(f"{self._settings.oidc_issuer_url.rstrip('/')}/.well-known/openid-configuration")
            issuer = str(document.get("issuer", ""))
            if issuer.rstrip("/") != self._settings.oidc_issuer_url.rstrip("/"):
                raise ProviderUnavailable
            self._provider = Provider(issuer, str(document.get("jwks_uri")), document.get("end_session_endpoint"))
        return self._provider

    def _key(self, token: str) -> jwt.PyJWK:
        """The provider's key that a token names; keys change, so an unknown one is looked up once more."""
        name = str(jwt.get_unverified_header(token).get("kid", ""))
        if name not in self._keys:
            document = self._fetch(self._discovered().jwks_uri)
            self._keys = {key.key_id or "": key for key in jwt.PyJWKSet.from_dict(document).keys}
        try:
            return self._keys[name]
        except KeyError:
            raise jwt.InvalidKeyError(f"no key named {name!r}") from None

    def _fetch(self, address: str) -> dict[str, Any]:
        try:
            response = requests.get(address, timeout=TIMEOUT_SECONDS)
            response.raise_for_status()
            document = response.json()
        except (requests.RequestException, json.JSONDecodeError) as error:
            raise ProviderUnavailable from error
        if not isinstance(document, dict):
            raise ProviderUnavailable
        return document


def _refused_by_provider(error: str) -> SignInRefused:
    if error == "access_denied":
        return SignInRefused("access_denied", "The identity provider says that you did not allow the sign-in.")
    return SignInRefused(
        "refused_by_provider",
        "The identity provider refused the sign-in. Please try again; if it stays, tell an admin.",
    )


def _wrong_token(reason: str) -> SignInRefused:
    return SignInRefused(
        f"token:{reason}", "What the identity provider sent cannot be trusted, so nobody was signed in. Try again."
    )
