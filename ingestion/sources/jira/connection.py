"""Requests to a Jira site: signed, counted, patient, and answered with data or a `JiraError`.

In: a site, a meter. Out: decoded answers. Requests that were refused for their number (429) wait as long as Jira says;
those that failed on its side (5xx, broken connections) are tried again; both end after `MOST_ATTEMPTS`. Everything
else that is not 200 is a `JiraError` that says what to mend.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
from dlt.sources.helpers.requests import Client
from requests import PreparedRequest, Response
from requests.auth import AuthBase, HTTPBasicAuth
from requests.exceptions import RequestException

from ingestion.operations import Meter
from ingestion.sources.jira.site import JiraError, JiraSite

MOST_ATTEMPTS = 6
FIRST_DELAY_SECONDS = 0.5
# Jira's quotas are by the hour, so it asks for no longer wait; our own delays stay below 16 seconds.
LONGEST_DELAY_SECONDS = 3_600
TIMEOUT_SECONDS = 60
TOKEN_HINT = {
    "cloud": "the e-mail address or the API token is wrong, or the token has expired; make a new one for the account"
    " DPP_JIRA_EMAIL and put it into the secret jira_api_token",
    "data_center": "the personal access token is wrong or has expired; make a new one and put it into the secret"
    " jira_api_token (with DPP_JIRA_EMAIL set, it is the password of that account)",
}
_HINTS = {
    403: "the account may not read this; it needs read access to the projects",
    404: "there is no such address; is the base URL the one of the Jira site, and DPP_JIRA_DEPLOYMENT right?",
    410: "Jira has removed this address",
    429: "too many requests; Jira did not let us in after several waits",
}
# Jira answers a wrong token on some addresses like an anonymous visitor: 200, with nothing in it, and this header.
LOGIN_HEADER = "X-Seraph-LoginReason"
_FAILED_LOGINS = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED", "AUTHORISATION_FAILED")


class _Bearer(AuthBase):
    """A personal access token; as an auth object, so that no `.netrc` takes its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class JiraConnection:
    """One Jira site, seen through one account."""

    def __init__(self, site: JiraSite, meter: Meter) -> None:
        self.site = site
        self.meter = meter
        auth = HTTPBasicAuth(site.email, site.api_token) if site.email else _Bearer(site.api_token)
        self._http = Client(
            request_timeout=TIMEOUT_SECONDS,
            raise_for_status=False,
            request_max_attempts=MOST_ATTEMPTS,
            request_backoff_factor=FIRST_DELAY_SECONDS,
            request_max_retry_delay=LONGEST_DELAY_SECONDS,
            session_attrs={"auth": auth, "hooks": {"response": [self._count]}},
        )

    def object(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """A JSON object; raises `JiraError` for every other answer."""
        answer = self._answer(method, path, self._request(method, path, **options))
        if not isinstance(answer, dict):
            raise JiraError(f"{method} {path}: the answer is not a JSON object")
        return answer

    def objects(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """A JSON list of objects; raises `JiraError` for every other answer."""
        answer = self._answer("GET", path, self._request("GET", path, params=parameters))
        return list_of(answer, f"GET {path}")

    def object_if_there(self, path: str, **parameters: Any) -> dict[str, Any] | None:
        """A JSON object, or None where Jira itself says that there is none: not a proxy, not a wrong address."""
        answer = self._if_there(path, parameters)
        if answer is not None and not isinstance(answer, dict):
            raise JiraError(f"GET {path}: the answer is not a JSON object")
        return answer

    def objects_if_there(self, path: str, **parameters: Any) -> list[dict[str, Any]] | None:
        """A JSON list of objects, or None where Jira itself says that there is none."""
        answer = self._if_there(path, parameters)
        return None if answer is None else list_of(answer, f"GET {path}")

    def _if_there(self, path: str, parameters: dict[str, Any]) -> Any:
        response = self._request("GET", path, params=parameters)
        if response.status_code == 404 and _said(response):
            self._refuse_strangers("GET", path, response)
            return None
        return self._answer("GET", path, response)

    def _request(self, method: str, path: str, **options: Any) -> Response:
        try:
            return self._http.request(method, self.site.address + path, **options)
        except RequestException as error:
            raise JiraError(f"{method} {path}: no answer from {self.site.address} ({type(error).__name__})") from error

    def _answer(self, method: str, path: str, response: Response) -> Any:
        self._refuse_strangers(method, path, response)
        if response.status_code != 200:
            complaint = "; ".join(_said(response)) or _HINTS.get(response.status_code, "without a reason")
            raise JiraError(f"{method} {path}: {response.status_code}, {complaint}", response.status_code)
        if "html" in response.headers.get("Content-Type", ""):
            raise JiraError(f"{method} {path}: Jira sent a web page, not data; is a sign-in page in front of it?")
        return _decode(response.content)

    def _refuse_strangers(self, method: str, path: str, response: Response) -> None:
        """An answer to somebody whom Jira does not know says nothing about what is there."""
        reasons = response.headers.get(LOGIN_HEADER, "").upper()
        if response.status_code == 401 or any(reason in reasons for reason in _FAILED_LOGINS):
            raise JiraError(f"{method} {path}: {response.status_code}, {TOKEN_HINT[self.site.deployment]}")

    def _count(self, response: Response, *_: Any, **__: Any) -> None:
        """Called for each answer, also for those after which a request is tried again."""
        self.meter.api_calls += 1
        self.meter.rate_limit_delays += response.status_code == 429
        left = response.headers.get("X-RateLimit-Remaining", "")
        if left.isdigit():
            self.meter.rate_limit_remaining = int(left)


def list_of(value: Any, request: str) -> list[dict[str, Any]]:
    """A list of objects, as Jira promised; raises `JiraError` where something else came."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise JiraError(f"{request}: the list is missing in the answer; it may have been cut short")
    return value


def _decode(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            # Halves of surrogate pairs are legal JSON and illegal text; a question mark takes their place.
            return json.loads(json.dumps(json.loads(content), ensure_ascii=False).encode("utf-8", "replace"))
        except ValueError as error:
            raise JiraError("Jira's answer is not JSON; it may have been cut short") from error


def _said(response: Response) -> list[str]:
    """What Jira itself says is wrong; nothing where somebody else answers."""
    try:
        answer = response.json()
        return [str(part) for part in (*answer.get("errorMessages", []), *answer.get("errors", {}).values())]
    except (ValueError, AttributeError, TypeError):
        return []
