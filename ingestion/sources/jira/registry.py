"""What a Jira site is made of: fields, statuses by project, projects, boards.

In: a site. Out: Arrow tables, complete each time. What vanished from the site must vanish from the tables too, and a
list that is suddenly short must not empty them: `Seen` knows what came, and refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dlt
import orjson
from dlt.extract import DltResource
from sqlalchemy import ARRAY, Connection, Text, bindparam, text

from core.privacy import Pseudonymiser
from ingestion.operations import Meter
from ingestion.sources.jira import client_of, resource_of
from ingestion.sources.jira.client import JiraClient
from ingestion.sources.jira.site import JiraError, JiraSite
from ingestion.sources.tables import Batch, RawTable
from ingestion.sources.tables.jira import JIRA_BOARDS, JIRA_FIELDS, JIRA_PROJECTS, JIRA_STATUSES

REGISTRY_TABLES = (JIRA_FIELDS, JIRA_PROJECTS, JIRA_STATUSES, JIRA_BOARDS)
# A list that lost more than half of what is held is held to be broken, unless it is about a handful of things.
LEAST_SHARE = 0.5
HANDFUL = 10
Row = tuple[Any, ...]


@dataclass
class Seen:
    """The keys that came, by table, beside how many rows are held; `accept_losses` believes a short list."""

    held: Mapping[str, int]
    accept_losses: bool = False
    keys: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    # Projects whose statuses Jira does not tell: what is held of them stays.
    silent_projects: set[str] = field(default_factory=set)

    def batch(self, raw: RawTable, rows: list[Row]) -> Iterator[Batch]:
        """The rows of one table, remembered. Raises `JiraError` where they are suspiciously few."""
        positions = [list(raw.columns).index(name) for name in raw.key]
        self.keys[raw.name] = {tuple(str(row[position]) for position in positions) for row in rows}
        held = self.held.get(raw.name, 0)
        if held > HANDFUL and len(rows) < held * LEAST_SHARE and not self.accept_losses:
            raise JiraError(
                f"Jira lists {len(rows):,} {raw.name}, and {held:,} are held. Nothing was changed. If that is right,"
                " run `python -m ingestion.sources.jira registry --accept-losses`"
            )
        if rows:
            yield raw.arrow_table(rows)

    def forget_the_rest(self, connection: Connection) -> int:
        """Delete the rows that did not come; call it after those that came are stored. Returns how many went."""
        gone = 0
        for raw in REGISTRY_TABLES:
            if raw.name not in self.keys:
                continue
            key = " || chr(10) || ".join(raw.key)
            spared = "and project_key <> all(:silent)" if raw is JIRA_STATUSES else ""
            statement = text(
                f"delete from {raw.dataset}.{raw.name} where {key} <> all(:came) {spared}"  # noqa: S608 - our own names
            ).bindparams(bindparam("came", type_=ARRAY(Text)))
            parameters: dict[str, Any] = {"came": ["\n".join(came) for came in self.keys[raw.name]]}
            if spared:
                statement = statement.bindparams(bindparam("silent", type_=ARRAY(Text)))
                parameters["silent"] = list(self.silent_projects)
            gone += connection.execute(statement, parameters).rowcount
        return gone


@dlt.source(name="jira")
def jira_registry(
    site: JiraSite, pseudonymiser: Pseudonymiser, seen: Seen, *, meter: Meter | None = None
) -> list[DltResource]:
    """Fields, projects, statuses and boards; select some with `.with_resources("fields")`."""
    meter = meter or Meter()
    client = client_of(site, meter)
    projects: list[dict[str, Any]] = []

    def known_projects() -> list[dict[str, Any]]:
        if not projects:
            projects.extend(client.projects())
        return projects

    tables: list[tuple[RawTable, Callable[[], list[Row]]]] = [
        (JIRA_FIELDS, lambda: [_field(each, pseudonymiser) for each in client.fields()]),
        (JIRA_PROJECTS, lambda: [_project(each, pseudonymiser) for each in known_projects()]),
        (JIRA_STATUSES, lambda: list(_statuses(client, known_projects(), seen, meter))),
        (JIRA_BOARDS, lambda: [board_row(each, pseudonymiser) for each in client.boards()]),
    ]

    def rows_of(raw: RawTable, rows: Callable[[], list[Row]]) -> Iterator[Batch]:
        yield from seen.batch(raw, rows())

    return [resource_of(raw, rows_of(raw, rows)) for raw, rows in tables]


def board_row(board: dict[str, Any], pseudonymiser: Pseudonymiser) -> Row:
    """One row of `raw_jira.boards`. A board may stand with a person, and then bears that person's name."""
    location = board.get("location") or {}
    owner = {"accountId": location.get("userAccountId"), "displayName": location.get("displayName")}
    name = str(board.get("name") or "")
    if owner["accountId"] or location.get("userId"):
        cleaned = pseudonymiser.clean({"title": name, "owner": owner})["title"]
    else:
        cleaned = pseudonymiser.text(name)
    return str(board["id"]), cleaned, board.get("type"), location.get("projectKey")


def _field(each: dict[str, Any], pseudonymiser: Pseudonymiser) -> Row:
    schema = None if each.get("schema") is None else orjson.dumps(each["schema"]).decode()
    return str(each["id"]), pseudonymiser.text(str(each["name"])), bool(each.get("custom")), schema


def _project(each: dict[str, Any], pseudonymiser: Pseudonymiser) -> Row:
    is_archived = bool(each.get("archived") or each.get("deleted"))
    return str(each["id"]), str(each["key"]), pseudonymiser.text(str(each.get("name") or each["key"])), is_archived


def _statuses(client: JiraClient, projects: list[dict[str, Any]], seen: Seen, meter: Meter) -> Iterator[Row]:
    """One question for each project in use; the site's own list knows the categories that a project leaves out."""
    categories = {str(status["id"]): _category(status) for status in client.statuses()}
    for number, project in enumerate(projects, start=1):
        key = str(project["key"])
        if project.get("archived") or project.get("deleted"):
            seen.silent_projects.add(key)
            continue
        statuses = client.project_statuses(key)
        if statuses is None:
            seen.silent_projects.add(key)
            continue
        for status in statuses:
            status_id = str(status["id"])
            yield key, status_id, str(status["name"]), _category(status) or categories.get(status_id)
        meter.say(f"statuses of {number:,} of {len(projects):,} projects")


def _category(status: dict[str, Any]) -> str | None:
    return (status.get("statusCategory") or {}).get("key")
