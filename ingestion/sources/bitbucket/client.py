"""Bitbucket Cloud's REST API (2.0), as far as the source needs it.

In: address, token, workspaces. Out: decoded objects, page by page. Waiting, trying again and refusals are those of
`ingestion.sources.http`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ingestion.operations import Meter
from ingestion.sources.http import VendorClient, VendorError, linked_pages, objects_of

# The most that each list gives.
PULL_REQUESTS_IN_A_PAGE = 50
PAGE_SIZE = 100
STATES = ("OPEN", "MERGED", "DECLINED", "SUPERSEDED")
_HINTS = {
    401: "the token is wrong, expired or revoked; make a new access token",
    403: "the token may not read this; it needs the scopes account, repository, pullrequest and pipeline (read)",
    404: "there is no such workspace or repository, or the token may not see it",
}


class BitbucketClient:
    """Bitbucket Cloud, seen through one token."""

    def __init__(self, base_url: str, token: str, meter: Meter | None = None) -> None:
        self._http = VendorClient("Bitbucket", base_url, {"Authorization": f"Bearer {token}"}, meter or Meter(), _HINTS)

    def use_meter(self, meter: Meter) -> None:
        """Count into another meter from now on."""
        self._http.meter = meter

    def repositories(self, workspace: str) -> Iterator[dict[str, Any]]:
        """The repositories of a workspace."""
        yield from self._all(f"/repositories/{quote(workspace, safe='')}", {"pagelen": PAGE_SIZE})

    def changed_pull_requests(self, repository: str, since: datetime) -> Iterator[dict[str, Any]]:
        """Pull requests in any state that changed since, the oldest change first.

        One that changes while pages are read moves to the end, and all behind it move up: following the pages would
        skip one. So each page begins at the last change that was seen; what comes again is given once.
        """
        path = f"/repositories/{repository}/pullrequests"
        begin, page, given = _stamp(since), 1, set[tuple[str, str]]()
        while True:
            parameters = {
                "q": f"updated_on >= {begin}", "state": STATES, "sort": "updated_on", "page": page,
                "pagelen": PULL_REQUESTS_IN_A_PAGE,
            }  # fmt: skip
            answer = self._http.get(path, parameters)
            items = objects_of(answer, path, "values")
            for item in items:
                known_as = (str(item["id"]), str(item["updated_on"]))
                if known_as not in given:
                    given.add(known_as)
                    yield item
            if not items or not answer.content.get("next"):
                return
            last = str(items[-1]["updated_on"])
            # A page full of one and the same instant: only counting leads on.
            begin, page = (begin, page + 1) if last == begin else (last, 1)

    def pull_request_part(self, repository: str, number: int, part: str) -> list[dict[str, Any]] | None:
        """The activity, commits or diffstat of one pull request; None where Bitbucket has lost it with the branch."""
        path = f"/repositories/{repository}/pullrequests/{number}/{part}"
        return self._unless_gone(path, {"pagelen": PULL_REQUESTS_IN_A_PAGE if part == "activity" else PAGE_SIZE})

    def whole_hash(self, repository: str, short: str) -> str:
        """All digits of a commit that a pull request names by twelve; the twelve where the commit is gone."""
        try:
            content = self._http.get(f"/repositories/{repository}/commit/{short}").content
        except VendorError as error:
            if error.status == 404:
                return short
            raise
        return str(content.get("hash", short)) if isinstance(content, dict) else short

    def pipelines(self, repository: str, since: datetime) -> list[dict[str, Any]]:
        """Pipelines that began since, the oldest first; none where the repository has no pipelines."""
        found: list[dict[str, Any]] = []
        pages = linked_pages(
            self._http, f"/repositories/{repository}/pipelines", {"sort": "-created_on", "pagelen": PAGE_SIZE}
        )
        try:
            for page in pages:
                found += [each for each in page if _instant(each) >= since]
                if page and _instant(page[-1]) < since:
                    break
        except VendorError as error:
            if error.status != 404:
                raise
        return found[::-1]

    def pipeline(self, repository: str, uuid: str) -> dict[str, Any] | None:
        """One pipeline; None where it was deleted."""
        try:
            content = self._http.get(f"/repositories/{repository}/pipelines/{quote(uuid, safe='{}')}").content
        except VendorError as error:
            if error.status == 404:
                return None
            raise
        return content if isinstance(content, dict) else None

    def deployments(self, repository: str) -> list[dict[str, Any]]:
        """All deployments of a repository; Bitbucket documents no way to ask for some of them."""
        return self._unless_gone(f"/repositories/{repository}/deployments", {"pagelen": PAGE_SIZE}) or []

    def environments(self, repository: str) -> list[dict[str, Any]]:
        """The environments of a repository, which deployments name by number alone."""
        return self._unless_gone(f"/repositories/{repository}/environments", {"pagelen": PAGE_SIZE}) or []

    def _all(self, path: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for page in linked_pages(self._http, path, parameters):
            yield from page

    def _unless_gone(self, path: str, parameters: dict[str, Any]) -> list[dict[str, Any]] | None:
        try:
            return list(self._all(path, parameters))
        except VendorError as error:
            if error.status == 404:
                return None
            raise


def _stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def _instant(pipeline: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(str(pipeline["created_on"]))
