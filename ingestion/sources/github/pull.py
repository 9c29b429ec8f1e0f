"""Pull from GitHub into `raw_github`: the past of each repository once, and what changed since, again and again.

In: the settings. Out: rows in `raw_github`, in `ops.fetch_operations` and `ops.fetch_cursors`. One organisation after
the other; one that fails does not stop the others. Killed at any instant and run again, it ends in the same state.
Whoever schedules needs this module alone.
"""

from __future__ import annotations

from datetime import timedelta

from core.secrets import secrets_for
from core.settings import Settings, SettingsError
from ingestion.pipelines import LoadResult
from ingestion.sources.github.access import Organisation
from ingestion.sources.github.gaps import Gaps, fill_gaps
from ingestion.sources.github.known import cursors, forget_emptied, switched_off
from ingestion.sources.github.plan import Plan
from ingestion.sources.github.session import Session, opened
from ingestion.sources.github.sync import sync_repositories

__all__ = ["Gaps", "fill_gaps", "is_configured", "pull_github", "sync_repositories"]


def pull_github(settings: Settings) -> list[LoadResult]:
    """Fetch what changed in the repositories that are known, and the past of those that are not (`backfill_days`).

    Raises `IncompleteError` at the end where an organisation or a repository failed; everything else is stored then.
    What the rate limit put off is on record as deferred and goes on with the next run. Raises `SettingsError` where
    there is neither an App nor a token.
    """
    with opened(settings) as session:
        forget_emptied(session.engine)
        return session.each_organisation(lambda organisation: _pull(session, organisation))


def is_configured(settings: Settings) -> bool:
    """Whether there is an App or a token that could read anything."""
    if settings.github_app_id:
        return True
    try:
        return bool(secrets_for(settings).get("github_token"))
    except SettingsError:
        return False


def _pull(session: Session, organisation: Organisation) -> list[LoadResult]:
    with session.engine.connect() as connection:
        plan = Plan(
            organisation,
            session.access.pseudonymiser,
            cursors=cursors(connection, session.configuration),
            backfill=timedelta(days=session.settings.backfill_days),
            left_out=switched_off(connection),
        )
    return session.run(organisation, plan, "pull")
