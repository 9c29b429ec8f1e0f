"""GitLab's REST API (v4), as far as the source needs it.

In: address, token, groups. Out: decoded objects, page by page. Waiting, trying again and refusals are those of
`ingestion.sources.http`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ingestion.operations import Meter
from ingestion.sources.http import VendorClient, VendorError, numbered_pages, whole_list

PAGE_SIZE = 100
_HINTS = {
    401: "the token is wrong, expired or revoked; make a new one with the scope read_api",
    403: "the token may not read this; it needs the scope read_api and at least the role Reporter",
    404: "there is no such group or project, or the token may not see it",
}


class GitLabClient:
    """One GitLab, seen through one token."""

    def __init__(self, base_url: str, token: str, meter: Meter | None = None) -> None:
        self._http = VendorClient(
            "GitLab", f"{base_url.rstrip('/')}/api/v4", {"PRIVATE-TOKEN": token}, meter or Meter(), _HINTS
        )

    def use_meter(self, meter: Meter) -> None:
        """Count into another meter from now on."""
        self._http.meter = meter

    def projects(self, group: str) -> Iterator[dict[str, Any]]:
        """The projects of a group and of the groups below it, archived ones too, not those shared with it."""
        parameters = {"include_subgroups": "true", "with_shared": "false", "order_by": "id", "sort": "asc"}
        yield from self._all(f"/groups/{quote(group, safe='')}/projects", parameters)

    def changed(self, project_id: str, things: str, since: datetime, **more: str) -> Iterator[dict[str, Any]]:
        """Merge requests, pipelines or deployments that changed since, the oldest change first.

        A thing that changes while pages are read moves to the end, and all behind it move up: counting pages would
        skip one. So each page begins at the last change that was seen; what comes again is given once.
        """
        path = f"/projects/{project_id}/{things}"
        begin, page, given = _stamp(since), 1, set[tuple[str, str]]()
        while True:
            parameters = {
                "updated_after": begin, "order_by": "updated_at", "sort": "asc", "per_page": PAGE_SIZE, "page": page,
                **more,
            }  # fmt: skip
            answer = self._http.get(path, parameters)
            items = whole_list(answer, path)
            for item in items:
                known_as = (str(item["id"]), str(item["updated_at"]))
                if known_as not in given:
                    given.add(known_as)
                    yield item
            if not items or not answer.headers.get("X-Next-Page"):
                return
            last = str(items[-1]["updated_at"])
            # A page full of one and the same instant: only counting leads on.
            begin, page = (begin, page + 1) if last == begin else (last, 1)

    def merge_request_part(self, project_id: str, iid: int, part: str, **more: str) -> list[dict[str, Any]]:
        """All notes, commits, diffs or versions of one merge request."""
        return list(self._all(f"/projects/{project_id}/merge_requests/{iid}/{part}", more))

    def pipeline(self, project_id: str, pipeline_id: str) -> dict[str, Any]:
        """One pipeline with its end and duration, which the list leaves out."""
        path = f"/projects/{project_id}/pipelines/{pipeline_id}"
        content = self._http.get(path).content
        if not isinstance(content, dict):
            raise VendorError(f"GET {path}: the answer is not an object")
        return content

    def _all(self, path: str, parameters: dict[str, str]) -> Iterator[dict[str, Any]]:
        for page in numbered_pages(self._http, path, {**parameters, "per_page": PAGE_SIZE}):
            yield from page


def _stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
