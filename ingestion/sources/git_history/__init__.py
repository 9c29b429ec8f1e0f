"""The git-history source: commits and tags of a clone or of a recorded folder, and the pull requests they merged.

In: a path or URL, the repository's full name, the settings. Out: rows of `raw_git.commits`, `raw_git.pull_requests`
and `raw_git.tags`. Runs alone with `python -m ingestion.sources.git_history`.
"""

from __future__ import annotations

from ingestion.sources.git_history.clone import ClonedHistory
from ingestion.sources.git_history.commits import Commit, History, HistoryError, Refs, Tag
from ingestion.sources.git_history.load import load_git, open_history
from ingestion.sources.git_history.pull import PullFailedError, pull_git
from ingestion.sources.git_history.recorded import RecordedHistory

__all__ = [
    "ClonedHistory",
    "Commit",
    "History",
    "HistoryError",
    "PullFailedError",
    "RecordedHistory",
    "Refs",
    "Tag",
    "load_git",
    "open_history",
    "pull_git",
]
