"""The Jira Cloud REST API (v3), as far as the source needs it.

In: address, account and API token. Out: decoded answers. Requests that were refused for their number (429) wait as
long as Jira says; those that failed on its side (5xx, broken connections) are tried again; both end after
`MOST_ATTEMPTS`. Everything else that is not 200 is a `JiraError` that says what to mend.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
from dlt.sources.helpers.requests import Client
from requests import Response
from requests.exceptions import RequestException

MOST_ATTEMPTS = 6
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 120
TIMEOUT_SECONDS = 60
_HINTS = {
    401: "the e-mail address or the API token is wrong, or the token has expired",
    403: "the account may not read this; it needs read access to the projects",
    404: "there is no such address; is the base URL the one of the Jira site?",
    410: "Jira has removed this address",
}


class JiraError(Exception):
    """Jira does not answer as it should; the message names the request, the status and what Jira said."""


class JiraClient:
    """One Jira site, seen through one account."""

    def __init__(self, base_url: str, email: str, api_token: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._http = Client(
            request_timeout=TIMEOUT_SECONDS,
            raise_for_status=False,
            request_max_attempts=MOST_ATTEMPTS,
            request_backoff_factor=FIRST_DELAY_SECONDS,
            request_max_retry_delay=LONGEST_DELAY_SECONDS,
            session_attrs={"auth": (email, api_token)},
        )

    def search(self, jql: str, *, page_size: int, with_changelog: bool) -> Iterator[list[dict[str, Any]]]:
        """The pages of issues that a JQL query finds, with all their fields."""
        body: dict[str, Any] = {"jql": jql, "maxResults": page_size, "fields": ["*all"]}
        if with_changelog:
            body["expand"] = "changelog"
        seen_tokens: set[str] = set()
        while True:
            answer = self._object("POST", "/rest/api/3/search/jql", json=body)
            yield answer.get("issues", [])
            token = answer.get("nextPageToken")
            if answer.get("isLast") or not token:
                return
            if token in seen_tokens:
                raise JiraError("POST /rest/api/3/search/jql: the same page was given twice; it would never end")
            seen_tokens.add(token)
            body["nextPageToken"] = token

    def changelog(self, issue_id: str) -> list[dict[str, Any]]:
        """All histories of one issue: a search gives only the newest ones."""
        path = f"/rest/api/3/issue/{issue_id}/changelog"
        histories: list[dict[str, Any]] = []
        while True:
            answer = self._object("GET", path, params={"startAt": len(histories), "maxResults": 100})
            page = answer.get("values", [])
            histories.extend(page)
            if answer.get("isLast", True) or not page:
                return histories

    def account_time_zone(self) -> str | None:
        """The time zone in which Jira reads the dates of this account's queries; None where it does not say."""
        return self._object("GET", "/rest/api/3/myself").get("timeZone")

    def _object(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, self._base_url + path, **options)
        except RequestException as error:
            raise JiraError(f"{method} {path}: no answer from {self._base_url} ({type(error).__name__})") from error
        if response.status_code != 200:
            raise JiraError(f"{method} {path}: {response.status_code}, {_complaint(response)}")
        answer = _decode(response.content)
        if not isinstance(answer, dict):
            raise JiraError(f"{method} {path}: the answer is not a JSON object")
        return answer


def _decode(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            # Halves of surrogate pairs are legal JSON and illegal text; a question mark takes their place.
            return json.loads(json.dumps(json.loads(content), ensure_ascii=False).encode("utf-8", "replace"))
        except ValueError as error:
            raise JiraError("Jira's answer is not JSON; it may have been cut short") from error


def _complaint(response: Response) -> str:
    """What Jira says is wrong, else what the status usually means."""
    try:
        answer = response.json()
        said = [*answer.get("errorMessages", []), *answer.get("errors", {}).values()]
    except (ValueError, AttributeError):
        said = []
    return "; ".join(str(part) for part in said) or _HINTS.get(response.status_code, "without a reason")
