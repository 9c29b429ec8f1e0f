"""A GitLab on loopback: what the source asks of the REST API v4, answered as GitLab's documentation says.

In: projects with what they hold, in the shape of the API. Out: an address. It pages by number with `X-Next-Page`,
filters and sorts by the last change, refuses wrong tokens, unknown parameters and `updated_after` of deployments
that are sorted otherwise, as GitLab does, and tells what is left of the rate limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.ingestion.sources.vendor_server import TOKEN, Reply, Request, VendorServer

PAGING = {"page", "per_page"}
CHANGED = {"updated_after", "order_by", "sort", *PAGING}
KNOWN_PARAMETERS = {
    "projects": {"include_subgroups", "with_shared", "order_by", "sort", *PAGING},
    "merge_requests": {"state", "scope", *CHANGED},
    "pipelines": CHANGED,
    "deployments": CHANGED,
    "notes": {"sort", "order_by", *PAGING},
    "commits": PAGING,
    "versions": PAGING,
    "diffs": PAGING,
}
PARTS = "notes|commits|versions|diffs"


@dataclass
class Project:
    """A project and all that it holds, each thing as the API gives it."""

    project_id: int
    path: str
    default_branch: str | None = "main"
    archived: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    merge_requests: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[tuple[int, str], list[dict[str, Any]]] = field(default_factory=dict)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)


class GitLabServer(VendorServer):
    """The GitLab; `before_page` is called before each page of a list of changes, to change things meanwhile."""

    def __init__(self, *projects: Project, page_size: int = 100) -> None:
        super().__init__()
        self.projects = list(projects)
        self.page_size = page_size
        self.before_page: Callable[[Request], None] | None = None

    def refusal(self, status: int) -> Any:
        """GitLab's body of a refusal."""
        return {"message": "Retry later" if status == 429 else f"{status} Refused"}

    def answer(self, request: Request) -> Reply:
        """The answer to a request."""
        if request.headers.get("PRIVATE-TOKEN") != TOKEN:
            return Reply(401, {"error": "invalid_token", "error_description": "Token was revoked."})
        path = request.path.removeprefix("/api/v4")
        if match := re.fullmatch(r"/groups/(.+)/projects", path):
            return self._projects(match[1], request)
        if match := re.fullmatch(rf"/projects/(\d+)/merge_requests/(\d+)/({PARTS})", path):
            found = self._project(match[1]).parts.get((int(match[2]), match[3]), [])
            return self._page(found, request, match[3])
        if match := re.fullmatch(r"/projects/(\d+)/pipelines/(\d+)", path):
            found = [each for each in self._project(match[1]).pipelines if str(each["id"]) == match[2]]
            return Reply(200, found[0]) if found else Reply(404, {"message": "404 Not found"})
        if match := re.fullmatch(r"/projects/(\d+)/(merge_requests|pipelines|deployments)", path):
            return self._changed(match[1], match[2], request)
        return Reply(404, {"message": "404 Not Found"})

    def _project(self, project_id: str) -> Project:
        return next(project for project in self.projects if str(project.project_id) == project_id)

    def _projects(self, group: str, request: Request) -> Reply:
        found = [
            {
                "id": project.project_id, "path_with_namespace": project.path, "archived": project.archived,
                "default_branch": project.default_branch, "name": "A project", "merge_requests_access_level": "enabled",
                "builds_access_level": "enabled", **project.settings,
            }
            for project in self.projects
            if project.path.lower().startswith(f"{group.lower()}/")
        ]  # fmt: skip
        if not found:
            return Reply(404, {"message": "404 Group Not Found"})
        return self._page(found, request, "projects")

    def _changed(self, project_id: str, things: str, request: Request) -> Reply:
        if self.before_page is not None:
            self.before_page(request)
        if things == "deployments" and request.one("order_by") != "updated_at":
            return Reply(400, {"message": "`updated_at` filter requires `updated_at` sort"})
        since = datetime.fromisoformat(request.one("updated_after"))
        found = [
            each
            for each in getattr(self._project(project_id), things)
            if datetime.fromisoformat(each["updated_at"]) >= since
        ]
        found.sort(key=lambda each: (datetime.fromisoformat(each["updated_at"]), each["id"]))
        if things == "pipelines":
            # The list leaves out what only the pipeline itself tells.
            found = [{k: v for k, v in each.items() if k not in ("finished_at", "duration")} for each in found]
        return self._page(found, request, things)

    def _page(self, found: list[dict[str, Any]], request: Request, things: str) -> Reply:
        if unknown := set(request.parameters) - KNOWN_PARAMETERS[things]:
            return Reply(400, {"error": f"{', '.join(sorted(unknown))} is not allowed"})
        size = min(int(request.one("per_page", "20")), self.page_size)
        page = int(request.one("page", "1"))
        is_last = page * size >= len(found)
        headers = {"X-Page": str(page), "X-Next-Page": "" if is_last else str(page + 1), "RateLimit-Remaining": "1987"}
        return Reply(200, found[(page - 1) * size : page * size], headers)
