"""What the platform asks of a Jira site: pull, look at sprints, keep the registry, reconcile, fill the calendar.

In: settings that name a site. Out: rows in `raw_jira` and `config.sprints`, each fetch on record in
`ops.fetch_operations`. Each function may be called again at any time, and after any kill: it ends in the same state.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from core import clock
from core.settings import Settings
from ingestion.pipelines import LoadResult
from ingestion.sources.jira import jira
from ingestion.sources.jira.calendar import synchronise
from ingestion.sources.jira.reconcile import Doubt, jira_reconciliation
from ingestion.sources.jira.registry import Seen, jira_registry
from ingestion.sources.jira.site import JiraError, JiraSite, cursor_scope, site_of, without_people
from ingestion.sources.jira.sprints import jira_sprints
from ingestion.sources.jira.store import JiraStore


def pull_jira(settings: Settings) -> list[LoadResult]:
    """Issues that changed since the last pull of the same site and query; all of them for a new one.

    Raises `SettingsError` where no site is named, and what `pipelines.run` raises.
    """
    return [pull_issues(site_of(settings), settings, jql=settings.jira_jql)]


def pull_issues(site: JiraSite, settings: Settings, *, jql: str = "", with_changelog: bool = True) -> LoadResult:
    """`pull_jira` for a site that the settings do not name."""
    scope = cursor_scope(site, jql, with_changelog=with_changelog)
    with JiraStore(settings) as store:
        cursor = store.read_cursor("issues", scope) if store.has_issues() else None
        since = None if cursor is None else datetime.fromisoformat(cursor["until"])
        started = clock.now()
        source = jira(
            site,
            store.pseudonymiser,
            jql=jql,
            updated_since=since,
            with_changelog=with_changelog,
            meter=store.meter,
            gone=store.gone(),
        )
        query = f"{without_people(jql, store.pseudonymiser) or 'all issues'}, changed since {since or 'ever'}"
        result = store.run(source, scope, operation="pull", query=query)
        store.write_cursor("issues", scope, {"until": started.isoformat()})
        return result


def pull_sprints(settings: Settings) -> list[LoadResult]:
    """Open and recently closed sprints of all boards, and who is in them; for every two hours (004 §5.2.6)."""
    site = site_of(settings)
    scope = cursor_scope(site, "")
    read_boards: set[str] = set()
    with JiraStore(settings) as store:
        known = frozenset((store.read_cursor("boards", scope) or {}).get("read", []))
        source = jira_sprints(
            site,
            store.pseudonymiser,
            store.sprints(known),
            history=timedelta(days=settings.backfill_days),
            read_boards=read_boards,
            meter=store.meter,
        )
        result = store.run(source, scope, operation="sprints")
        store.write_cursor("boards", scope, {"read": sorted(read_boards)})
        return [result]


def pull_registry(settings: Settings, *, accept_losses: bool = False) -> list[LoadResult]:
    """Fields, projects, statuses and boards of the site, whole; for once a day. What vanished there goes here."""
    site = site_of(settings)
    with JiraStore(settings) as store:
        seen = Seen(held=store.registry_counts(), accept_losses=accept_losses)
        source = jira_registry(site, store.pseudonymiser, seen, meter=store.meter)
        result = store.run(source, cursor_scope(site, ""), operation="registry")
        with store.engine.begin() as connection:
            seen.forget_the_rest(connection)
        return [result]


def reconcile_jira(settings: Settings, *, accept_losses: bool = False) -> list[LoadResult]:
    """Compare the whole query with what is held: fetch what is missing, mark what is gone; for once a night.

    Raises `JiraError` where nothing of this query was pulled yet; the load fails, and changes nothing, where more
    is missing than one night explains, unless `accept_losses` says that it is right.
    """
    site, jql = site_of(settings), settings.jira_jql
    scope = cursor_scope(site, jql)
    with JiraStore(settings) as store:
        if store.read_cursor("issues", scope) is None:
            raise JiraError("No issues of this site and query were pulled yet: pull them first, then reconcile")
        doubt = Doubt(accept_losses=accept_losses, is_new_query=store.read_cursor("reconciled", scope) is None)
        source = jira_reconciliation(site, store.pseudonymiser, store.held, jql=jql, doubt=doubt, meter=store.meter)
        query = without_people(jql, store.pseudonymiser) or "all issues"
        result = store.run(source, scope, operation="reconcile", query=query)
        store.write_cursor("reconciled", scope, {"at": clock.now().isoformat()})
        return [result]


def sync_sprints(settings: Settings) -> int:
    """Bring `config.sprints` up to date with the sprints that were pulled; returns how many rows changed."""
    with JiraStore(settings) as store, store.on_record(settings.jira_url or "", "sync") as running:
        with store.engine.begin() as connection:
            running.rows = synchronise(connection, settings.timezone)
        return running.rows
