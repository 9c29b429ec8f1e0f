"""What the source asks of a Jira site, Cloud or Data Center: one interface, and what both answer alike.

In: a connection. Out: decoded answers, whole: paging and changelogs that were cut short are this module's business.
Cloud speaks REST v3 (`cloud.py`), Data Center v2 (`data_center.py`); boards and sprints are the same on both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from ingestion.sources.jira.connection import JiraConnection, list_of
from ingestion.sources.jira.site import JiraError

Issue = dict[str, Any]
ALL_FIELDS = ("*all",)
# Enough to tell one state of an issue from another; Jira adds id and key by itself.
CHEAP_FIELDS = ("updated",)
PAGE_SIZE = 100
AGILE_PAGE_SIZE = 50
MOST_READINGS = 3


class JiraClient(ABC):
    """One Jira site; `api` is the path of its REST interface."""

    api: str

    def __init__(self, connection: JiraConnection) -> None:
        self.connection = connection

    @abstractmethod
    def search(self, jql: str, *, fields: Sequence[str], page_size: int, with_changelog: bool) -> Iterator[list[Issue]]:
        """The pages of issues that a query finds, each changelog whole where it is asked for.

        The query must order by `updated`, oldest first. An issue may come twice while it changes.
        """

    @abstractmethod
    def issues(self, ids: Iterable[str], *, fields: Sequence[str], with_changelog: bool) -> Iterator[list[Issue]]:
        """The issues with these ids or keys; those that Jira does not know, or does not show us, are missing."""

    @abstractmethod
    def projects(self) -> list[dict[str, Any]]:
        """All projects that the account sees, archived ones too."""

    @abstractmethod
    def count(self, jql: str) -> int:
        """How many issues a query finds, near enough to notice a list that was cut short."""

    def account_time_zone(self) -> str | None:
        """The time zone in which Jira reads the dates of this account's queries; None where it does not say.

        Jira answers nobody whom it does not know here, so it is also the test of the token.
        """
        return self.connection.object("GET", f"{self.api}/myself").get("timeZone")

    def changelog(self, issue_id: str) -> list[dict[str, Any]]:
        """All histories of one issue, page by page."""
        path = f"{self.api}/issue/{issue_id}/changelog"
        return list(self._values(path, page_size=PAGE_SIZE))

    def fields(self) -> list[dict[str, Any]]:
        """All fields of the site."""
        return self.connection.objects(f"{self.api}/field")

    def statuses(self) -> list[dict[str, Any]]:
        """The statuses that belong to the whole site."""
        return self.connection.objects(f"{self.api}/status")

    def project_statuses(self, project_key: str) -> list[dict[str, Any]] | None:
        """The statuses of a project's workflows, each once; None where Jira does not show us the project."""
        path = f"{self.api}/project/{project_key}/statuses"
        issue_types = self.connection.objects_if_there(path)
        if issue_types is None:
            return None
        found = {}
        for issue_type in issue_types:
            for status in list_of(issue_type.get("statuses"), f"GET {path}"):
                found[str(status["id"])] = status
        return list(found.values())

    def boards(self) -> list[dict[str, Any]]:
        """All boards that the account sees."""
        return list(self._values("/rest/agile/1.0/board", page_size=AGILE_PAGE_SIZE))

    def sprints(self, board_id: str, *states: str) -> list[dict[str, Any]]:
        """The sprints of a board in these states (no state: in all)."""
        state = {"state": ",".join(states)} if states else {}
        path = f"/rest/agile/1.0/board/{board_id}/sprint"
        return list(self._values(path, page_size=AGILE_PAGE_SIZE, **state))

    def sprint(self, sprint_id: str) -> dict[str, Any] | None:
        """One sprint; None where Jira knows it no more."""
        return self.connection.object_if_there(f"/rest/agile/1.0/sprint/{sprint_id}")

    def sprint_issues(self, sprint_id: str) -> dict[str, str]:
        """The issues of a sprint: id to key.

        They come in the order of their rank, which people change while we read: what was read is held against the
        total, and read again where they differ.
        """
        path = f"/rest/agile/1.0/sprint/{sprint_id}/issue"
        for _ in range(MOST_READINGS):
            found: dict[str, str] = {}
            read = 0
            while True:
                parameters = {"startAt": read, "maxResults": PAGE_SIZE, "fields": ",".join(CHEAP_FIELDS)}
                answer = self.connection.object("GET", path, params=parameters)
                page = list_of(answer.get("issues"), f"GET {path}")
                found.update((str(issue["id"]), str(issue["key"])) for issue in page)
                read += len(page)
                if not page or read >= answer.get("total", 0):
                    break
            if len(found) == answer.get("total", 0):
                return found
        raise JiraError(f"GET {path}: {len(found):,} issues came of {answer.get('total', 0):,}")

    def _values(self, path: str, *, page_size: int, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The items of a list that comes in pages of `values`."""
        read = 0
        while True:
            asked = {"startAt": read, "maxResults": page_size, **parameters}
            answer = self.connection.object("GET", path, params=asked)
            page = list_of(answer.get("values"), f"GET {path}")
            yield from page
            read += len(page)
            is_last = answer.get("isLast")
            if is_last is None:
                is_last = not page if answer.get("total") is None else read >= answer["total"]
            if is_last:
                return
            if not page:
                raise JiraError(f"GET {path}: a page came empty though Jira says that it is not the last")


def whole(issue: Issue, histories: Iterable[dict[str, Any]]) -> None:
    """Put all histories into an issue that came with some; those that both hold are one."""
    changelog = issue.get("changelog") or {}
    together = {str(history["id"]): history for history in (*histories, *changelog.get("histories", []))}
    issue["changelog"] = changelog | {"histories": list(together.values())}


def came_cut(issue: Issue) -> bool:
    """Whether an issue's changelog says that it is longer than what came."""
    changelog = issue.get("changelog")
    return changelog is None or len(changelog.get("histories", [])) < changelog.get("total", 0)


def in_groups(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """`items` in lists of at most `size`."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group
