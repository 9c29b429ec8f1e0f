"""Every configured history, one after the other.

In: the settings `git_folder` (clones, as organisation/name) and `git_repositories` (organisation/name to path or URL).
Out: rows in `raw_git`, one record in `ops.fetch_operations` for each repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from core.database import database_url, make_engine
from core.logging import get_logger
from core.settings import Settings
from ingestion.counting import LoadResult, LostRowsError
from ingestion.operations import one_line
from ingestion.sources.git_history.commits import HistoryError
from ingestion.sources.git_history.load import load_git

log = get_logger(__name__)
# What one repository can suffer from; the others are read all the same.
_OF_ONE_REPOSITORY = (HistoryError, LostRowsError, ValueError, OSError, SQLAlchemyError, psycopg.Error)


class PullFailedError(HistoryError):
    """Some repositories could not be read; `results` are those of the others."""

    def __init__(self, failures: Sequence[str], results: Sequence[LoadResult]) -> None:
        total = len(failures) + len(results)
        super().__init__(f"{len(failures)} of {total} histories could not be read. {' · '.join(failures)}")
        self.failures = failures
        self.results = results


def configured_histories(settings: Settings) -> dict[str, Path | str]:
    """Where each repository's history is, by organisation/name; the list wins over the folder."""
    found: dict[str, Path | str] = {}
    if settings.git_folder is not None:
        for folder in sorted(path for path in settings.git_folder.glob("*/*") if path.is_dir()):
            found[f"{folder.parent.name}/{folder.name.removesuffix('.git')}"] = folder
    return found | settings.git_repositories


def pull_git(settings: Settings, *, anew: bool = False) -> list[LoadResult]:
    """Read what is new in every configured history; `anew` reads them from the beginning.

    One that fails does not stop the others: raises `PullFailedError` at the end, which names all that failed.
    """
    results: list[LoadResult] = []
    failures: list[str] = []
    engine = make_engine(database_url(settings), pool_size=2)
    try:
        for name, where in configured_histories(settings).items():
            try:
                results.append(load_git(where, name, settings, anew=anew, engine=engine))
            except _OF_ONE_REPOSITORY as error:
                failures.append(f"{name}: {error if isinstance(error, HistoryError) else one_line(error)}")
                log.warning("history not read", repository=name, reason=failures[-1])
    finally:
        engine.dispose()
    if failures:
        raise PullFailedError(failures, results)
    return results
