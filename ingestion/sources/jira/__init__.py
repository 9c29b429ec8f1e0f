"""The Jira sources: issues, the registry of a site, sprints, and what became of issues that went missing.

In: a site, a JQL scope, what is held already. Out: Arrow tables for the schema `raw_jira`, without people.
`python -m ingestion.sources.jira` runs them alone; `pull.py` is what the platform calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import dlt
from dlt.extract import DltResource

from core import clock
from core.privacy import Pseudonymiser
from ingestion.operations import Meter
from ingestion.sources.jira.client import ALL_FIELDS, PAGE_SIZE, Issue, JiraClient
from ingestion.sources.jira.cloud import CloudClient
from ingestion.sources.jira.connection import JiraConnection
from ingestion.sources.jira.data_center import DataCenterClient
from ingestion.sources.jira.issues import batches
from ingestion.sources.jira.query import incremental_jql
from ingestion.sources.jira.site import JiraError, JiraSite, naming_nobody
from ingestion.sources.tables import Batch, RawTable
from ingestion.sources.tables.jira import JIRA_ISSUES, JIRA_TOMBSTONES

__all__ = ["JiraError", "JiraSite", "client_of", "jira", "resource_of"]


def client_of(site: JiraSite, meter: Meter | None = None) -> JiraClient:
    """The client that speaks the site's language; it counts into `meter`."""
    connection = JiraConnection(site, meter or Meter())
    return CloudClient(connection) if site.deployment == "cloud" else DataCenterClient(connection)


def resource_of(raw: RawTable, batches_of: Iterator[Batch], *, newest: str | None = None) -> DltResource:
    """A dlt resource that fills one raw table, merged on its key.

    `newest` names the column that decides where one fetch brings a key twice; dlt takes any of the two otherwise.
    """
    columns = raw.hints
    if newest is not None:
        columns = {**columns, newest: {**columns[newest], "dedup_sort": "desc"}}
    return dlt.resource(batches_of, name=raw.name, primary_key=raw.key, columns=columns, max_table_nesting=0)


@dlt.source(name="jira")
def jira(
    site: JiraSite,
    pseudonymiser: Pseudonymiser,
    *,
    jql: str = "",
    updated_since: datetime | None = None,
    with_changelog: bool = True,
    page_size: int = PAGE_SIZE,
    meter: Meter | None = None,
    gone: Mapping[str, str] | None = None,
) -> list[DltResource]:
    """Issues within `jql` that changed since `updated_since` (None: all). Raises `JiraError` while reading.

    `gone` are the ids of issues that bear a tombstone, with their keys: those that are met again get a new one,
    `present`.
    """
    back: dict[str, str] = {}
    meter = meter or Meter()

    def pages() -> Iterator[list[Issue]]:
        client = client_of(site, meter)
        read = 0
        with naming_nobody(jql, pseudonymiser):
            query = incremental_jql(jql, updated_since, client.account_time_zone())
            for page in client.search(query, fields=ALL_FIELDS, page_size=page_size, with_changelog=with_changelog):
                back.update((str(issue["id"]), str(issue["key"])) for issue in page if issue.get("id") in (gone or {}))
                yield page
                read += len(page)
                meter.say(f"{read:,} issues")

    def tombstones() -> Iterator[Batch]:
        if back:
            yield JIRA_TOMBSTONES.arrow_table([(*issue, "present", clock.now()) for issue in back.items()])

    resources = [resource_of(JIRA_ISSUES, batches(pages(), pseudonymiser), newest="updated_at")]
    return [*resources, resource_of(JIRA_TOMBSTONES, tombstones())] if gone else resources
