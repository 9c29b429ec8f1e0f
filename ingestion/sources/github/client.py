"""GitHub's REST and GraphQL interfaces, as far as the source needs them.

In: the API's address, a credential, the budget of its rate limit. Out: decoded answers. Refusals for their number
wait as long as GitHub says; failures on its side and broken connections are tried again; both end after
`MOST_ATTEMPTS`. Everything else that is not good is a `GithubError` that says what to mend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from requests import Response
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from ingestion.operations import Meter
from ingestion.sources.github import limits
from ingestion.sources.github.authentication import Credential
from ingestion.sources.github.errors import CursorLostError, GithubError, TooHeavyError, UnavailableError

MOST_ATTEMPTS = 6
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 60
# GitHub ends a query itself after ten seconds.
TIMEOUT_SECONDS = 30
ROWS_IN_A_PAGE = 100
_HINTS = {
    401: "the token is wrong, expired or revoked",
    403: "the App or the token may not read this; see its permissions",
    404: "there is no such address, or the App or the token may not see it",
}
_TOO_HEAVY_STATUS = (502, 504)
_TOO_HEAVY_WORDS = ("something went wrong while executing your query", "timeout", "timed out")
_TOO_HEAVY_TYPES = {"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE", "INTERNAL"}


class _AgainError(Exception):
    """This request is to be sent again, after `seconds` or a growing delay."""

    def __init__(self, error: GithubError, seconds: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


@dataclass(frozen=True)
class Answer:
    """What a GraphQL query brought; `errors` says what of `data` is missing."""

    data: dict[str, Any]
    errors: tuple[dict[str, Any], ...] = ()


class GithubClient:
    """GitHub, seen with one credential; counts what it does into `meter`.

    `has_time`: the calls can wait for another run, so they keep away from the floor of the rate limit.
    """

    def __init__(self, api_url: str, credential: Credential, budget: limits.Budget, meter: Meter) -> None:
        self._api_url = api_url.rstrip("/")
        self._credential = credential
        self._budget = budget
        self.meter = meter
        self.has_time = True
        self._http = requests.Session()
        self._http.headers.update(
            {"Accept": "application/vnd.github+json", "User-Agent": "delivery-performance-platform"}
        )

    def pages(self, path: str, rows_in: str | None = None, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
        """The pages of a REST list, by its `Link` headers; `rows_in` names the key that holds the rows.

        Raises `GithubError` where the pages end before the `total_count` that GitHub gives.
        """
        url: str | None = f"{self._api_url}{path}"
        query: dict[str, Any] | None = {"per_page": ROWS_IN_A_PAGE, **parameters}
        seen, total = 0, 0
        while url is not None:
            response = self._send("GET", url, "core", params=query)
            answer = _decoded(response, url)
            page = answer.get(rows_in) if rows_in and isinstance(answer, dict) else answer
            if not isinstance(page, list):
                raise GithubError(f"GET {path}: the answer is not a list")
            total = answer.get("total_count", 0) if isinstance(answer, dict) else 0
            seen += len(page)
            yield page
            url, query = self._next(response), None
        if seen < total:
            raise GithubError(f"GET {path}: the list ended after {seen} of {total}")

    def post(self, path: str) -> dict[str, Any]:
        """POST without a body; the decoded object."""
        answer = _decoded(self._send("POST", f"{self._api_url}{path}", "core"), path)
        if not isinstance(answer, dict):
            raise GithubError(f"POST {path}: the answer is not a JSON object")
        return answer

    def graphql(self, query: str, variables: dict[str, Any], *, may_shrink: bool = False) -> Answer:
        """Run one query. `may_shrink`: an answer that GitHub could not make in time raises `TooHeavyError` at once,
        since the caller asks for less then; else it is tried again like any failure."""
        body = {"query": query, "variables": variables}
        response = self._send("POST", graphql_url(self._api_url), "graphql", may_shrink=may_shrink, json=body)
        answer = _decoded(response, "graphql")
        errors = tuple(answer.get("errors") or ())
        data = answer.get("data")
        if isinstance(data, dict) and (limit := data.get("rateLimit")):
            self._budget.note("graphql", limit["remaining"], limits.parsed(limit["resetAt"]), self.meter)
        if not isinstance(data, dict):
            raise GithubError(f"GraphQL: {_said(answer) or 'an answer without data'}")
        return Answer(data, errors)

    def _send(self, method: str, url: str, resource: str, *, may_shrink: bool = False, **options: Any) -> Response:
        if self.has_time:
            self._budget.spare(resource)
        attempts = Retrying(
            wait=_delay,
            retry=retry_if_exception_type(_AgainError),
            stop=stop_after_attempt(MOST_ATTEMPTS),
            reraise=True,
        )
        try:
            return attempts(self._once, method, url, resource, may_shrink, options)
        except _AgainError as last:
            raise last.error from None

    def _once(self, method: str, url: str, resource: str, may_shrink: bool, options: dict[str, Any]) -> Response:
        response = self._answered(method, url, may_shrink, options)
        if response.status_code == 401 and self._credential.renew():
            response = self._answered(method, url, may_shrink, options)
        limits.noted(response, self._budget, resource, self.meter)
        path = urlsplit(url).path
        answer = _tolerantly_decoded(response)
        said = _said(answer)
        if (seconds := limits.seconds_to_wait(response, said)) is not None:
            self.meter.rate_limit_delays += 1
            # What GitHub says names the account whose token it is.
            limited = UnavailableError(f"{method} {path}: {response.status_code}, GitHub's rate limit, again and again")
            raise _AgainError(limited, seconds)
        if resource == "graphql" and _is_too_heavy(response, answer):
            heavy = TooHeavyError(f"GraphQL: {response.status_code}, {said or 'no answer in time'}")
            if may_shrink:
                raise heavy
            raise _AgainError(heavy)
        if response.status_code >= 500 or answer is None:
            reason = said or ("the answer is not JSON; it may have been cut short" if response.ok else "an error")
            raise _AgainError(UnavailableError(f"{method} {path}: {response.status_code}, {reason}"))
        if resource == "graphql" and _is_of(answer, "INVALID_CURSOR_ARGUMENTS"):
            raise CursorLostError(f"GraphQL: {said}")
        if response.status_code >= 400:
            hint = _HINTS.get(response.status_code, "without a reason")
            refused = UnavailableError if response.status_code == 401 else GithubError
            raise refused(f"{method} {path}: {response.status_code}, {'; '.join(filter(None, (said, hint)))}")
        return response

    def _answered(self, method: str, url: str, may_shrink: bool, options: dict[str, Any]) -> Response:
        self.meter.api_calls += 1
        try:
            return self._http.request(method, url, auth=self._credential, timeout=TIMEOUT_SECONDS, **options)
        except requests.Timeout as error:
            late = TooHeavyError(f"{method} {urlsplit(url).path}: no answer within {TIMEOUT_SECONDS} seconds")
            if may_shrink:
                raise late from error
            raise _AgainError(late) from error
        except requests.RequestException as error:
            raise _AgainError(
                UnavailableError(
                    f"{method} {urlsplit(url).path}: no answer from {self._api_url} ({type(error).__name__})"
                )
            ) from error

    def _next(self, response: Response) -> str | None:
        url: str | None = response.links.get("next", {}).get("url")
        if url is None:
            return None
        # The token goes with the request: it must not be led to another host.
        if urlsplit(url)[:2] != urlsplit(self._api_url)[:2]:
            raise GithubError(f"the next page is said to be at {urlsplit(url).netloc}, which is not {self._api_url}")
        return url


def graphql_url(api_url: str) -> str:
    """Where GraphQL is: github.com has it beside REST, an Enterprise Server at `/api/graphql`."""
    return f"{api_url.rstrip('/').removesuffix('/v3')}/graphql"


def _delay(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _AgainError) and error.seconds is not None:
        return error.seconds
    return min(FIRST_DELAY_SECONDS * 2.0 ** (state.attempt_number - 1), LONGEST_DELAY_SECONDS)


def _tolerantly_decoded(response: Response) -> Any:
    """The answer, or None where it is no JSON."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        try:
            # Halves of surrogate pairs are legal JSON and illegal text; a question mark takes their place.
            return orjson.loads(orjson.dumps(_without_halves(response.json())))
        except ValueError:
            return None


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_halves(item) for item in value]
    if isinstance(value, dict):
        return {_without_halves(name): _without_halves(item) for name, item in value.items()}
    return value


def _decoded(response: Response, path: str) -> Any:
    answer = _tolerantly_decoded(response)
    if not isinstance(answer, dict | list):
        raise GithubError(f"{path}: the answer is not a JSON object")
    return answer


def _said(answer: Any) -> str:
    """What GitHub says is wrong: REST has one message, GraphQL a list of errors."""
    if not isinstance(answer, dict):
        return ""
    errors = answer.get("errors")
    listed = [str(error.get("message", "")) for error in errors if isinstance(error, dict)] if errors else []
    return "; ".join(dict.fromkeys(part for part in (str(answer.get("message") or ""), *listed[:3]) if part))


def _is_of(answer: Any, *types: str) -> bool:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return any(isinstance(error, dict) and error.get("type") in types for error in errors or ())


def _is_too_heavy(response: Response, answer: Any) -> bool:
    if response.status_code in _TOO_HEAVY_STATUS:
        return True
    if not isinstance(answer, dict) or answer.get("data"):
        return False
    return _is_of(answer, *_TOO_HEAVY_TYPES) or any(word in _said(answer).lower() for word in _TOO_HEAVY_WORDS)
