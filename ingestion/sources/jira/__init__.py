"""The Jira source: issues of a Jira Cloud site, complete and without people.

In: address and token of the site, a JQL scope, the newest change that is known. Out: Arrow tables for
`raw_jira.issues`. Runs alone with `python -m ingestion.sources.jira`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dlt
import orjson
from dlt.extract import DltResource

from core.privacy import Pseudonymiser
from ingestion.sources.jira.client import JiraClient, JiraError
from ingestion.sources.jira.query import incremental_jql
from ingestion.sources.tables import JIRA_ISSUES, Batch

__all__ = ["JiraError", "JiraSite", "jira"]

PAGE_SIZE = 100
ROWS_IN_A_BATCH = 1_000


@dataclass(frozen=True)
class JiraSite:
    """Where a Jira site is and who reads it."""

    base_url: str
    email: str
    api_token: str

    def __repr__(self) -> str:
        return f"JiraSite({self.base_url})"


@dlt.source(name="jira")
def jira(
    site: JiraSite,
    pseudonymiser: Pseudonymiser,
    *,
    jql: str = "",
    updated_since: datetime | None = None,
    with_changelog: bool = True,
    page_size: int = PAGE_SIZE,
) -> DltResource:
    """Issues within `jql` that changed since `updated_since` (None: all). Raises `JiraError` while reading."""

    @dlt.resource(name=JIRA_ISSUES.name, primary_key=JIRA_ISSUES.key, columns=JIRA_ISSUES.hints, max_table_nesting=0)
    def issues() -> Iterator[Batch]:
        client = JiraClient(site.base_url, site.email, site.api_token)
        # The zone matters to a cursor only; the first fetch begins long before any issue.
        zone = None if updated_since is None else client.account_time_zone()
        query = incremental_jql(jql, updated_since, zone)
        rows: list[tuple[Any, ...]] = []
        for page in client.search(query, page_size=page_size, with_changelog=with_changelog):
            rows += [_row(issue, client, pseudonymiser) for issue in page]
            if len(rows) >= ROWS_IN_A_BATCH:
                yield JIRA_ISSUES.arrow_table(rows)
                rows = []
        if rows:
            yield JIRA_ISSUES.arrow_table(rows)

    return issues


def _row(issue: dict[str, Any], client: JiraClient, pseudonymiser: Pseudonymiser) -> tuple[Any, ...]:
    """One row of `raw_jira.issues`. Raises `JiraError` for an issue that lacks what makes it one."""
    try:
        issue_id, key, updated = str(issue["id"]), str(issue["key"]), _instant(issue["fields"]["updated"])
    except (KeyError, TypeError, ValueError) as error:
        raise JiraError(f"an issue came without id, key or date of change ({error!r})") from error
    histories = _histories(issue, client)
    cleaned = pseudonymiser.clean({"fields": issue["fields"], "histories": histories})
    changelog = None if histories is None else _text(cleaned["histories"])
    return issue_id, key, updated, _text(cleaned["fields"]), changelog


def _histories(issue: dict[str, Any], client: JiraClient) -> list[dict[str, Any]] | None:
    """The whole changelog: a search cuts long ones short, and the missing part is fetched."""
    changelog = issue.get("changelog")
    if changelog is None:
        return None
    histories: list[dict[str, Any]] = changelog.get("histories", [])
    if len(histories) < changelog.get("total", 0):
        return client.changelog(str(issue["id"]))
    return histories


def _instant(value: str) -> datetime:
    """Jira writes offsets as +0000 and without, as a site likes; everything becomes UTC."""
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return instant.astimezone(UTC)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
