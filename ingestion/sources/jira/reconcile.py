"""Does what we hold agree with what Jira holds? Once a night, for the whole query.

In: a site, a query, what is held. Out: the issues that are missing or stale here, and a tombstone for each one that
was deleted, left the query, or is back. A list of ids, keys and dates is compared; nothing is believed missing before
Jira, asked for it by its id, says so; and where too much is missing at once, nothing is believed at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import dlt
from dlt.extract import DltResource

from core import clock
from core.privacy import Pseudonymiser
from ingestion.operations import Meter
from ingestion.sources.jira import client_of, resource_of
from ingestion.sources.jira.client import ALL_FIELDS, CHEAP_FIELDS, Issue, JiraClient, in_groups
from ingestion.sources.jira.issues import batches, updated_at
from ingestion.sources.jira.query import ORDER, everything_jql, within
from ingestion.sources.jira.site import JiraError, JiraSite, naming_nobody
from ingestion.sources.tables import Batch
from ingestion.sources.tables.jira import JIRA_ISSUES, JIRA_TOMBSTONES

# Ids and dates are small: a page may be longer than one of whole issues.
PAGE_SIZE = 1_000
KEYS_IN_A_QUERY = 100
# More than this share (and more than a handful) missing in one night is an accident until a person says otherwise.
MOST_MISSING = 0.2
HANDFUL = 20
WAY_OUT = "Nothing was changed. If that is right, run `python -m ingestion.sources.jira reconcile --accept-losses`"


@dataclass(frozen=True)
class Held:
    """What is known of one issue: its key, its last change, and its tombstone (None: it never had one)."""

    key: str
    updated_at: datetime
    state: str | None = None

    @property
    def is_gone(self) -> bool:
        """Whether its last tombstone says that it is not there."""
        return self.state not in (None, "present")


@dataclass(frozen=True)
class Listed:
    """What Jira says of one issue of the query."""

    key: str
    updated_at: datetime


@dataclass(frozen=True)
class Doubt:
    """How much to believe: everything where a person said so; a new query may leave most of the old issues behind."""

    accept_losses: bool = False
    is_new_query: bool = False


@dlt.source(name="jira")
def jira_reconciliation(
    site: JiraSite,
    pseudonymiser: Pseudonymiser,
    held: Callable[[], Mapping[str, Held]],
    *,
    jql: str = "",
    with_changelog: bool = True,
    doubt: Doubt | None = None,
    meter: Meter | None = None,
) -> list[DltResource]:
    """The issues to fetch (again), then the tombstones. Raises `JiraError` while reading."""
    comparison = _Comparison(client_of(site, meter), held, jql, with_changelog, doubt or Doubt())

    def fetched() -> Iterator[list[Issue]]:
        with naming_nobody(jql, pseudonymiser):
            yield from comparison.fetched()

    return [
        resource_of(JIRA_ISSUES, batches(fetched(), pseudonymiser), newest="updated_at"),
        resource_of(JIRA_TOMBSTONES, comparison.tombstones()),
    ]


class _Comparison:
    """One night's comparison; its two steps run one after the other."""

    def __init__(
        self,
        client: JiraClient,
        held: Callable[[], Mapping[str, Held]],
        jql: str,
        with_changelog: bool,
        doubt: Doubt,
    ) -> None:
        self._client = client
        self._read_held = held
        self._jql = jql
        self._with_changelog = with_changelog
        self._doubt = doubt
        self._states: dict[str, tuple[str, str]] = {}

    def fetched(self) -> Iterator[list[Issue]]:
        """Issues that we never got, that changed unseen, that bear another key, or that are back."""
        held = self._read_held()
        self._client.account_time_zone()
        listed = self._list()
        missing = {issue_id: known for issue_id, known in held.items() if issue_id not in listed and not known.is_gone}
        self._refuse_too_much(missing, held, listed)
        listed |= self._verify(missing, held)
        wanted = [issue_id for issue_id, there in listed.items() if _is_news(there, held.get(issue_id))]
        fetched = 0
        keys = [listed[issue_id].key for issue_id in wanted]
        for page in self._client.issues(keys, fields=ALL_FIELDS, with_changelog=self._with_changelog):
            yield page
            fetched += len(page)
            self._say(f"{fetched:,} of {len(wanted):,} issues fetched that were missing or stale")
        for issue_id in wanted:
            if issue_id in held and held[issue_id].is_gone:
                self._states[issue_id] = (listed[issue_id].key, "present")

    def tombstones(self) -> Iterator[Batch]:
        """One row for each issue whose state changed tonight."""
        if self._states:
            now = clock.now()
            rows = [(issue_id, key, state, now) for issue_id, (key, state) in self._states.items()]
            yield JIRA_TOMBSTONES.arrow_table(rows)

    def _list(self) -> dict[str, Listed]:
        query = everything_jql(self._jql)
        announced = self._client.count(query)
        listed = self._read(query, f"of {announced:,} issues compared")
        if len(listed) < announced * (1 - MOST_MISSING) - HANDFUL:
            raise JiraError(f"Jira counts {announced:,} issues and lists {len(listed):,}. Nothing was changed")
        return listed

    def _read(self, query: str, progress: str) -> dict[str, Listed]:
        """What a query lists, by id."""
        listed: dict[str, Listed] = {}
        for page in self._client.search(query, fields=CHEAP_FIELDS, page_size=PAGE_SIZE, with_changelog=False):
            listed.update((str(issue["id"]), Listed(str(issue["key"]), updated_at(issue))) for issue in page)
            self._say(f"{len(listed):,} {progress}")
        return listed

    def _refuse_too_much(
        self, missing: Mapping[str, Held], held: Mapping[str, Held], listed: Mapping[str, Listed]
    ) -> None:
        if self._doubt.accept_losses or not missing:
            return
        if not listed:
            raise JiraError(f"Jira lists no issue at all, and {len(held):,} are held. {WAY_OUT}")
        if not self._doubt.is_new_query:
            self._refuse_share(len(missing), held, "lists")

    def _refuse_share(self, count: int, held: Mapping[str, Held], verb: str) -> None:
        present = sum(not known.is_gone for known in held.values())
        if count > HANDFUL and count > present * MOST_MISSING and not self._doubt.accept_losses:
            raise JiraError(f"Of {present:,} issues Jira {verb} {count:,} no more. {WAY_OUT}")

    def _verify(self, missing: Mapping[str, Held], held: Mapping[str, Held]) -> dict[str, Listed]:
        """Ask for each missing issue. Returns those that the query finds after all; the others get a tombstone."""
        there: dict[str, Listed] = {}
        for page in self._client.issues(missing, fields=CHEAP_FIELDS, with_changelog=False):
            there.update((str(issue["id"]), Listed(str(issue["key"]), updated_at(issue))) for issue in page)
            self._say(f"{len(there):,} of {len(missing):,} missing issues found outside the query")
        deleted = missing.keys() - there.keys()
        self._refuse_share(len(deleted), held, "knows")
        in_query: dict[str, Listed] = {}
        for keys in in_groups((there[issue_id].key for issue_id in missing if issue_id in there), KEYS_IN_A_QUERY):
            listed_keys = ", ".join(f'"{key}"' for key in keys)
            query = f"{within(self._jql, f'key in ({listed_keys})')} {ORDER}"
            in_query |= self._read(query, "of the missing issues are in the query after all")
        for issue_id, known in missing.items():
            if issue_id in deleted:
                self._states[issue_id] = (known.key, "deleted")
            elif issue_id not in in_query:
                self._states[issue_id] = (there[issue_id].key, "out_of_scope")
        return in_query

    def _say(self, progress: str) -> None:
        self._client.connection.meter.say(progress)


def _is_news(there: Listed, known: Held | None) -> bool:
    return known is None or known.is_gone or known.key != there.key or known.updated_at < there.updated_at
