"""An issue of Jira as a row: complete and without people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from core.privacy import Pseudonymiser
from ingestion.sources.jira.client import Issue
from ingestion.sources.jira.site import JiraError
from ingestion.sources.tables import JIRA_ISSUES, Batch

ROWS_IN_A_BATCH = 1_000
Row = tuple[Any, ...]


def batches(pages: Iterable[list[Issue]], pseudonymiser: Pseudonymiser) -> Iterator[Batch]:
    """Pages of issues as batches of `raw_jira.issues`. Raises `JiraError` for an issue that lacks what makes it one."""
    rows: list[Row] = []
    for page in pages:
        rows += [_row(issue, pseudonymiser) for issue in page]
        if len(rows) >= ROWS_IN_A_BATCH:
            yield JIRA_ISSUES.arrow_table(rows)
            rows = []
    if rows:
        yield JIRA_ISSUES.arrow_table(rows)


def updated_at(issue: Issue) -> datetime:
    """When an issue changed last. Jira writes offsets as +0000 and without, as a site likes; everything becomes UTC."""
    try:
        instant = datetime.fromisoformat(issue["fields"]["updated"])
        if instant.tzinfo is None:
            raise ValueError("no time zone")
    except (KeyError, TypeError, ValueError) as error:
        raise JiraError(f"an issue came without id, key or date of change ({error!r})") from error
    return instant.astimezone(UTC)


def _row(issue: Issue, pseudonymiser: Pseudonymiser) -> Row:
    changed = updated_at(issue)
    try:
        issue_id, key = str(issue["id"]), str(issue["key"])
    except KeyError as error:
        raise JiraError(f"an issue came without id, key or date of change ({error!r})") from error
    histories = None if issue.get("changelog") is None else _oldest_first(issue["changelog"].get("histories", []))
    cleaned = pseudonymiser.clean({"fields": issue["fields"], "histories": histories})
    changelog = None if histories is None else _text(cleaned["histories"])
    return issue_id, key, changed, _text(cleaned["fields"]), changelog


def _oldest_first(histories: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Searches give the newest first, changelogs the oldest; what is stored does not tell how it came."""
    if not all(str(history.get("id", "")).isdigit() for history in histories):
        return histories
    return sorted(histories, key=lambda history: int(history["id"]))


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
