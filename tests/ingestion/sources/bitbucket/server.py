"""Bitbucket Cloud on loopback: what the source asks of the REST API 2.0, answered as Atlassian's documentation says.

In: repositories with what they hold, in the shape of the API. Out: an address. It pages with the address of the next
page, reads `updated_on >= …` in a query, gives open pull requests alone where no state is asked for, names the
commits of pull requests by twelve digits, sends a diffstat on to another address, refuses wrong tokens, unknown
parameters and pages that are too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from tests.ingestion.sources.vendor_server import TOKEN, Reply, Request, VendorServer

PAGING = {"page", "pagelen"}
MOST_IN_A_PAGE = {"pullrequests": 50, "activity": 50}
KNOWN_PARAMETERS = {
    "pullrequests": {"q", "state", "sort", *PAGING},
    "pipelines": {"sort", *PAGING},
}
_UPDATED = re.compile(r"^updated_on >= (\S+)$")


@dataclass
class Repo:
    """A repository and all that it holds, each thing as the API gives it."""

    full_name: str
    uuid: str
    branch: str | None = "main"
    pull_requests: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[tuple[int, str], list[dict[str, Any]]] = field(default_factory=dict)
    gone: set[tuple[int, str]] = field(default_factory=set)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    environments: list[dict[str, Any]] = field(default_factory=list)


class BitbucketServer(VendorServer):
    """The Bitbucket; `before_page` is called before each page of pull requests, to change things meanwhile."""

    def __init__(self, *repositories: Repo, page_size: int = 100) -> None:
        super().__init__()
        self.repositories = list(repositories)
        self.page_size = page_size
        self.before_page: Callable[[Request], None] | None = None

    @property
    def address(self) -> str:
        """The address of the API."""
        return f"{self.url}/2.0"

    def refusal(self, status: int) -> Any:
        """Bitbucket's body of a refusal."""
        return {"type": "error", "error": {"message": "Rate limit exceeded" if status == 429 else "Refused"}}

    def answer(self, request: Request) -> Reply:
        """The answer to a request."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply(401, {"type": "error", "error": {"message": "Token is invalid, expired, or not supported."}})
        path = request.path.removeprefix("/2.0/repositories/")
        if "/" not in path:
            found = [each for each in self.repositories if each.full_name.startswith(f"{path}/")]
            return self._page([_repository(each) for each in found], request, "repositories")
        workspace, name, *rest = path.split("/")
        repo = next((each for each in self.repositories if each.full_name == f"{workspace}/{name}"), None)
        if repo is None:
            return Reply(404, self.refusal(404))
        match rest:
            case ["pullrequests"]:
                return self._pull_requests(repo, request)
            case ["pullrequests", number, "diffstat"]:
                moved = f"{self.address}/repositories/{repo.full_name}/diffstat/{number}?{urlencode(_flat(request))}"
                return Reply(302, {}, {"Location": moved})
            case ["pullrequests", number, part] | [("diffstat" as part), number]:
                if (int(number), part) in repo.gone:
                    return Reply(404, self.refusal(404))
                return self._page(repo.parts.get((int(number), part), []), request, part)
            case ["commit", short]:
                built = [each["target"]["commit"]["hash"] for each in repo.pipelines]
                whole = next((sha for sha in built if sha.startswith(short)), short.ljust(40, "0"))
                return Reply(200, {"type": "commit", "hash": whole})
            case ["pipelines"]:
                newest_first = sorted(repo.pipelines, key=lambda each: str(each["created_on"]), reverse=True)
                return self._page(newest_first, request, "pipelines")
            case ["pipelines", uuid]:
                found = [each for each in repo.pipelines if each["uuid"] == uuid]
                return Reply(200, found[0]) if found else Reply(404, self.refusal(404))
            case ["deployments" | "environments" as things]:
                return self._page(getattr(repo, things), request, things)
        return Reply(404, self.refusal(404))

    def _pull_requests(self, repo: Repo, request: Request) -> Reply:
        if self.before_page is not None:
            self.before_page(request)
        query = _UPDATED.match(request.one("q"))
        if query is None or request.one("sort") != "updated_on":
            return Reply(400, self.refusal(400))
        states = request.parameters.get("state", ["OPEN"])
        found = [
            each
            for each in repo.pull_requests
            if each["state"] in states
            and datetime.fromisoformat(each["updated_on"]) >= datetime.fromisoformat(query[1])
        ]
        found.sort(key=lambda each: (datetime.fromisoformat(each["updated_on"]), each["id"]))
        return self._page(found, request, "pullrequests")

    def _page(self, found: list[dict[str, Any]], request: Request, things: str) -> Reply:
        size = int(request.one("pagelen", "10"))
        unknown = set(request.parameters) - KNOWN_PARAMETERS.get(things, PAGING)
        if unknown or size > MOST_IN_A_PAGE.get(things, 100):
            return Reply(400, {"type": "error", "error": {"message": f"Invalid {sorted(unknown) or 'pagelen'}"}})
        size, page = min(size, self.page_size), int(request.one("page", "1"))
        content: dict[str, Any] = {"pagelen": size, "page": page, "values": found[(page - 1) * size : page * size]}
        if page * size < len(found):
            following = urlencode({**request.parameters, "page": page + 1, "pagelen": size}, doseq=True)
            content["next"] = f"{self.url}{request.path}?{following}"
        return Reply(200, content)


def _flat(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in request.parameters.items()}


def _repository(repo: Repo) -> dict[str, Any]:
    branch = None if repo.branch is None else {"type": "branch", "name": repo.branch}
    return {"type": "repository", "uuid": repo.uuid, "full_name": repo.full_name, "mainbranch": branch}
