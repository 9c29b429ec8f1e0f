"""Jira Data Center (and Server), REST v2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ingestion.sources.jira.client import CHEAP_FIELDS, Issue, JiraClient, came_cut, whole
from ingestion.sources.jira.connection import list_of
from ingestion.sources.jira.site import JiraError

SEARCH = "/rest/api/2/search"
# Pages in a row that bring nothing new, before a site is held to be broken.
MOST_IDLE_PAGES = 100


class DataCenterClient(JiraClient):
    """A Jira that somebody runs."""

    api = "/rest/api/2"

    def search(self, jql: str, *, fields: Sequence[str], page_size: int, with_changelog: bool) -> Iterator[list[Issue]]:
        """Pages begin at a position, and positions move while we read: each page overlaps the one before.

        An issue that changes goes to the end of the order, and all behind it move up, past the beginning of the next
        page. So a page begins with an issue that was read before, unchanged since: then nothing lies between the
        two. Where it begins with another one, a page further back is read.
        """
        read: set[tuple[str, str]] = set()
        start = idle = 0
        while idle <= MOST_IDLE_PAGES:
            page, total = self._page(jql, start, fields, page_size, with_changelog)
            if not page and start < total:
                raise JiraError(f"GET {SEARCH}: a page came empty at {start:,} of {total:,} issues")
            states = [_state(issue) for issue in page]
            if start > 0 and (not states or states[0] not in read):
                start = max(0, start - (len(page) or page_size))
                idle += 1
                continue
            new = [issue for issue, state in zip(page, states, strict=True) if state not in read]
            if with_changelog:
                self._complete(new)
            read.update(states)
            yield new
            if start + len(page) >= total:
                return
            start += len(page) - 1
            idle = 0 if new else idle + 1
        raise JiraError(f"GET {SEARCH}: the same pages come again and again; it would never end")

    def issues(self, ids: Iterable[str], *, fields: Sequence[str], with_changelog: bool) -> Iterator[list[Issue]]:
        """One at a time: a query for keys fails as a whole where one of them is gone."""
        expand = {"expand": "changelog"} if with_changelog else {}
        for issue_id in ids:
            path = f"{self.api}/issue/{issue_id}"
            issue = self.connection.object_if_there(path, fields=",".join(fields), **expand)
            if issue is not None:
                if with_changelog:
                    self._complete([issue])
                yield [issue]

    def projects(self) -> list[dict[str, Any]]:
        """In one list."""
        return self.connection.objects(f"{self.api}/project", includeArchived="true")

    def count(self, jql: str) -> int:
        """Exactly."""
        return self._page(jql, 0, CHEAP_FIELDS, 1, with_changelog=False)[1]

    def _page(
        self, jql: str, start: int, fields: Sequence[str], page_size: int, with_changelog: bool
    ) -> tuple[list[Issue], int]:
        """The issues of one page, and how many there are in all."""
        parameters: dict[str, Any] = {
            "jql": jql,
            "startAt": start,
            "maxResults": page_size,
            "fields": ",".join(fields),
        }
        if with_changelog:
            parameters["expand"] = "changelog"
        answer = self.connection.object("GET", SEARCH, params=parameters)
        page = list_of(answer.get("issues"), f"GET {SEARCH}")
        total = answer.get("total")
        if not isinstance(total, int):
            raise JiraError(f"GET {SEARCH}: the answer does not say how many issues there are")
        return page, total

    def _complete(self, page: list[Issue]) -> None:
        """A search gives whole changelogs; where one is shorter than it says, or missing, the issue is asked."""
        for issue in page:
            if not came_cut(issue):
                continue
            path = f"{self.api}/issue/{issue['key']}"
            parameters = {"fields": ",".join(CHEAP_FIELDS), "expand": "changelog"}
            again = self.connection.object("GET", path, params=parameters)
            histories = list_of((again.get("changelog") or {}).get("histories"), f"GET {path}")
            whole(issue, histories)
            if came_cut(again):
                whole(issue, self.changelog(str(issue["id"])))


def _state(issue: Issue) -> tuple[str, str]:
    """An issue as it was when it was read: its id and its last change."""
    try:
        return str(issue["id"]), str(issue["fields"]["updated"])
    except (KeyError, TypeError) as error:
        raise JiraError(f"GET {SEARCH}: an issue came without id or date of change ({error!r})") from error
