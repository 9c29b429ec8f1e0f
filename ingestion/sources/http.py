"""One way of asking a vendor's REST API: retries, rate limits, counting and clear sentences, for every vendor.

In: address, headers that carry the token, a `Meter`. Out: decoded JSON answers with their headers. Too many requests
(429) wait as long as the vendor says; failures on its side (5xx, broken connections) are tried again; both end after
`MOST_ATTEMPTS`, the first as `TooManyRequests`. Every other refusal is a `VendorError` that says what to mend; a
refused token is `TokenRefused`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
from dlt.sources.helpers.requests import Client
from requests import Response
from requests.exceptions import RequestException

from ingestion.operations import Meter

MOST_ATTEMPTS = 6
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 120
TIMEOUT_SECONDS = 60
TOO_MANY_REQUESTS = 429
MOVED = frozenset({301, 302, 303, 307, 308})
MOST_MOVES = 3

Parameters = Mapping[str, Any]


class VendorError(Exception):
    """The vendor does not answer as it should; the message names the request, the status and what the vendor said."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def instant(value: object) -> datetime:
    """An instant of the API in UTC; raises `VendorError` for one without a date or an offset."""
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise VendorError(f"{value!r} is not an instant") from error
    if read.tzinfo is None:
        raise VendorError(f"{value!r} has no time zone")
    return read.astimezone(UTC)


class TooManyRequests(VendorError):
    """The vendor still says so after all that waiting: what is left must be asked for another time."""


class TokenRefused(VendorError):
    """The token is wrong, expired or revoked: nothing can be read until somebody replaces it."""


_KINDS: Mapping[int, type[VendorError]] = {401: TokenRefused, TOO_MANY_REQUESTS: TooManyRequests}


@dataclass(frozen=True)
class Answer:
    """A decoded answer and the headers that came with it."""

    content: Any
    headers: Mapping[str, str]


class VendorClient:
    """One vendor's API, seen through one token. `hints` say what a status usually means there."""

    def __init__(
        self, vendor: str, base_url: str, headers: Mapping[str, str], meter: Meter, hints: Mapping[int, str]
    ) -> None:
        self.meter = meter
        self._vendor = vendor
        self._base_url = base_url.rstrip("/")
        self._hints = hints
        self._http = Client(
            request_timeout=TIMEOUT_SECONDS,
            raise_for_status=False,
            request_max_attempts=MOST_ATTEMPTS,
            request_backoff_factor=FIRST_DELAY_SECONDS,
            request_max_retry_delay=LONGEST_DELAY_SECONDS,
        )
        session = self._http.session
        session.headers.update({"Accept": "application/json", **headers})
        session.hooks["response"].append(self._count)

    def get(self, path: str, parameters: Parameters | None = None) -> Answer:
        """One answer. `path` begins with a slash, or is a whole address that the same server gave."""
        address = path if path.startswith(("http://", "https://")) else self._base_url + path
        shown = urlsplit(address).path
        response = self._ask(address, shown, parameters)
        for _ in range(MOST_MOVES):
            if response.status_code not in MOVED:
                break
            address = urljoin(address, response.headers.get("Location", ""))
            response = self._ask(address, shown, None)
        if response.status_code != 200:
            self._refuse(shown, response)
        try:
            content = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise VendorError(f"GET {shown}: the answer is not JSON; it may have been cut short") from error
        return Answer(content, response.headers)

    def _ask(self, address: str, shown: str, parameters: Parameters | None) -> Response:
        if urlsplit(address)[:2] != urlsplit(self._base_url)[:2]:
            # The token must never be sent to another server, whoever wrote its name into an answer.
            raise VendorError(f"{self._vendor} named a page on another server: {urlsplit(address).netloc}")
        try:
            return self._http.get(address, params=parameters, allow_redirects=False)
        except RequestException as error:
            raise VendorError(
                f"GET {shown}: no answer from {self._vendor} at {self._base_url} ({type(error).__name__})"
            ) from error

    def _refuse(self, shown: str, response: Response) -> None:
        status = response.status_code
        said = _complaint(response)
        hint = self._hints.get(status, "")
        reason = ": ".join(part for part in (hint, said) if part) or "without a reason"
        raise _KINDS.get(status, VendorError)(f"GET {shown}: {status}, {reason}", status)

    def _count(self, response: Response, **_: object) -> None:
        """Count every answer, tries that failed too, and make one header of the vendors' ways to say "wait"."""
        self.meter.api_calls += 1
        remaining = _first(response.headers, "RateLimit-Remaining", "X-RateLimit-Remaining")
        if remaining is not None and remaining.isdigit():
            self.meter.rate_limit_remaining = int(remaining)
        if response.status_code == TOO_MANY_REQUESTS:
            self.meter.rate_limit_delays += 1
            reset = _first(response.headers, "RateLimit-Reset", "X-RateLimit-Reset")
            if "Retry-After" not in response.headers and reset is not None and reset.isdigit():
                # Seconds since 1970; the clock of waiting is the machine's own.
                response.headers["Retry-After"] = str(max(1, int(reset) - int(time.time())))


def whole_list(answer: Answer, path: str) -> list[dict[str, Any]]:
    """The answer as a list of objects; raises `VendorError` for anything else."""
    if not isinstance(answer.content, list) or not all(isinstance(item, dict) for item in answer.content):
        raise VendorError(f"GET {path}: the answer is not a list of objects")
    return answer.content


def objects_of(answer: Answer, path: str, key: str) -> list[dict[str, Any]]:
    """The list of objects under a key of the answer; raises `VendorError` for anything else."""
    content = answer.content.get(key) if isinstance(answer.content, dict) else None
    return whole_list(Answer(content, answer.headers), path)


def _complaint(response: Response) -> str:
    """What the vendor says is wrong: GitLab's `message` or `error`, Bitbucket's `error.message`."""
    try:
        answer = response.json()
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    said = answer.get("error_description") or answer.get("message") or answer.get("error") or ""
    if isinstance(said, dict):
        said = said.get("message") or ""
    return " ".join(str(said).split())[:200]


def _first(headers: Mapping[str, str], *names: str) -> str | None:
    return next((headers[name] for name in names if name in headers), None)


def numbered_pages(client: VendorClient, path: str, parameters: Parameters) -> Iterator[list[dict[str, Any]]]:
    """GitLab's pages: each answer names the next one in `X-Next-Page`."""
    page: str | None = "1"
    while page:
        answer = client.get(path, {**parameters, "page": page})
        yield whole_list(answer, path)
        following = answer.headers.get("X-Next-Page", "")
        if following == page:
            raise VendorError(f"GET {path}: the same page was given twice; it would never end")
        page = following


def linked_pages(client: VendorClient, path: str, parameters: Parameters) -> Iterator[list[dict[str, Any]]]:
    """Bitbucket's pages: each answer holds the address of the next one in `next`."""
    address, given, seen = path, parameters, {path}
    while address:
        answer = client.get(address, given)
        yield objects_of(answer, path, "values")
        address, given = str(answer.content.get("next") or ""), {}
        if address in seen:
            raise VendorError(f"GET {path}: the same page was given twice; it would never end")
        seen.add(address)
