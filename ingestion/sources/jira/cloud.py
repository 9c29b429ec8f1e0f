"""Jira Cloud, REST v3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from ingestion.sources.jira.client import PAGE_SIZE, Issue, JiraClient, came_cut, in_groups, whole
from ingestion.sources.jira.connection import list_of
from ingestion.sources.jira.query import ORDER
from ingestion.sources.jira.site import JiraError

# A search gives the newest 40 histories of an issue and no more.
MOST_HISTORIES_IN_A_SEARCH = 40
HISTORIES_IN_A_BULK_PAGE = 1_000
# Limits of the interface: issues in one question for their changelogs, and in one question for themselves.
MOST_ISSUES_IN_A_BULK = 1_000
MOST_ISSUES_AT_ONCE = 100
SEARCH = "/rest/api/3/search/jql"
BULK_CHANGELOG = "/rest/api/3/changelog/bulkfetch"
BULK_ISSUES = "/rest/api/3/issue/bulkfetch"


class CloudClient(JiraClient):
    """A site of Jira Cloud."""

    api = "/rest/api/3"

    def search(self, jql: str, *, fields: Sequence[str], page_size: int, with_changelog: bool) -> Iterator[list[Issue]]:
        """Pages follow one another by tokens, which keep their place while issues change."""
        body: dict[str, Any] = {"jql": jql, "maxResults": page_size, "fields": list(fields)}
        if with_changelog:
            body["expand"] = "changelog"
        seen_tokens: set[str] = set()
        while True:
            answer = self.connection.object("POST", SEARCH, json=body)
            page = list_of(answer.get("issues"), f"POST {SEARCH}")
            if with_changelog:
                self._complete(page)
            yield page
            token = answer.get("nextPageToken")
            if answer.get("isLast") or (not token and answer.get("isLast") is None):
                return
            if not token:
                raise JiraError(f"POST {SEARCH}: a page says that others follow, and not how to get them")
            if token in seen_tokens:
                raise JiraError(f"POST {SEARCH}: the same page was given twice; it would never end")
            seen_tokens.add(token)
            body["nextPageToken"] = token

    def issues(self, ids: Iterable[str], *, fields: Sequence[str], with_changelog: bool) -> Iterator[list[Issue]]:
        """A hundred at a time."""
        for some in in_groups(ids, MOST_ISSUES_AT_ONCE):
            body: dict[str, Any] = {"issueIdsOrKeys": some, "fields": list(fields)}
            if with_changelog:
                body["expand"] = ["changelog"]
            answer = self.connection.object("POST", BULK_ISSUES, json=body)
            if errors := answer.get("issueErrors"):
                raise JiraError(f"POST {BULK_ISSUES}: {len(errors)} issues could not be read; try again later")
            page = list_of(answer.get("issues"), f"POST {BULK_ISSUES}")
            if with_changelog:
                self._complete(page)
            yield page

    def projects(self) -> list[dict[str, Any]]:
        """The live ones, the archived ones, and those in the bin."""
        states = ["live", "archived", "deleted"]
        return list(self._values(f"{self.api}/project/search", page_size=PAGE_SIZE, status=states))

    def count(self, jql: str) -> int:
        """Jira's own estimate."""
        query = jql.removesuffix(ORDER).strip()
        answer = self.connection.object("POST", f"{self.api}/search/approximate-count", json={"jql": query})
        return int(answer.get("count", 0))

    def _complete(self, page: list[Issue]) -> None:
        """Fetch what a search cut off: several changelogs in one question, a single one by itself."""
        cut = {str(issue["id"]): issue for issue in page if _may_be_cut(issue)}
        if len(cut) == 1:
            [(issue_id, issue)] = cut.items()
            whole(issue, self.changelog(issue_id))
            return
        for some in in_groups(cut, MOST_ISSUES_IN_A_BULK):
            histories = self._changelogs(some)
            for issue_id in some:
                if issue_id not in histories:
                    raise JiraError(f"POST {BULK_CHANGELOG}: the changelog of issue {issue_id} did not come")
                whole(cut[issue_id], histories[issue_id])

    def _changelogs(self, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Histories by issue. They come sorted by date over all issues, so each issue's are spread over the pages."""
        body: dict[str, Any] = {"issueIdsOrKeys": list(ids), "maxResults": HISTORIES_IN_A_BULK_PAGE}
        found: dict[str, list[dict[str, Any]]] = {}
        while True:
            answer = self.connection.object("POST", BULK_CHANGELOG, json=body)
            for issue in list_of(answer.get("issueChangeLogs"), f"POST {BULK_CHANGELOG}"):
                histories = list_of(issue.get("changeHistories"), f"POST {BULK_CHANGELOG}")
                found.setdefault(str(issue["issueId"]), []).extend(map(_with_date, histories))
            token = answer.get("nextPageToken")
            if not token:
                return found
            if token == body.get("nextPageToken"):
                raise JiraError(f"POST {BULK_CHANGELOG}: the same page was given twice; it would never end")
            body["nextPageToken"] = token


def _may_be_cut(issue: Issue) -> bool:
    return came_cut(issue) or len(issue["changelog"].get("histories", [])) >= MOST_HISTORIES_IN_A_SEARCH


def _with_date(history: dict[str, Any]) -> dict[str, Any]:
    """The bulk fetch gives milliseconds since 1970 where every other address gives a date."""
    created = history.get("created")
    if not isinstance(created, int):
        return history
    instant = datetime.fromtimestamp(created / 1_000, UTC)
    return history | {"created": f"{instant:%Y-%m-%dT%H:%M:%S}.{created % 1_000:03d}+0000"}
