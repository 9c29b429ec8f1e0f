"""The git-history source: commits of a clone or of a recorded folder, and the pull requests that they merged.

In: a `History`, the repository's full name, the pseudonymiser. Out: Arrow tables for `raw_git.commits` and
`raw_git.pull_requests`. Runs alone with `python -m ingestion.sources.git_history FOLDER ORGANISATION/NAME`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltResource

from core.privacy import Pseudonymiser
from ingestion.sources.git_history.clone import ClonedHistory
from ingestion.sources.git_history.commits import Commit, History, HistoryError
from ingestion.sources.git_history.pull_requests import CommitGraph
from ingestion.sources.git_history.recorded import COMMITS_FILE, RecordedHistory
from ingestion.sources.git_history.rows import RowMaker
from ingestion.sources.tables import GIT_COMMITS, GIT_PULL_REQUESTS, Batch, RawTable

__all__ = ["ClonedHistory", "Commit", "History", "HistoryError", "RecordedHistory", "git_history", "open_history"]

ROWS_IN_A_BATCH = 10_000


def open_history(folder: Path, branch: str | None = None) -> History:
    """A recorded folder or a clone, whichever the folder is; `branch` picks a clone's branch.

    Raises `HistoryError` where it is neither.
    """
    if (folder / COMMITS_FILE).exists():
        return RecordedHistory(folder)
    return ClonedHistory(folder, branch)


@dlt.source(name="git_history")
def git_history(history: History, repo_full_name: str, pseudonymiser: Pseudonymiser) -> Iterable[DltResource]:
    """Commits and merged pull requests of one repository; raises `HistoryError` while reading."""
    make = RowMaker(repo_full_name, pseudonymiser)
    graphs: list[CommitGraph] = []

    @dlt.resource(name=GIT_COMMITS.name, primary_key=GIT_COMMITS.key, columns=GIT_COMMITS.hints, max_table_nesting=0)
    def commits() -> Iterator[Batch]:
        positions = {sha: position for position, sha in enumerate(history.line)}
        graph = CommitGraph(history.pull_heads)

        def rows() -> Iterator[tuple[Any, ...]]:
            for commit in history.commits():
                graph.add(commit)
                yield make.commit(commit, positions.get(commit.sha))

        yield from _tables(GIT_COMMITS, rows())
        graphs.append(graph)

    @dlt.resource(
        name=GIT_PULL_REQUESTS.name,
        primary_key=GIT_PULL_REQUESTS.key,
        columns=GIT_PULL_REQUESTS.hints,
        max_table_nesting=0,
    )
    def pull_requests() -> Iterator[Batch]:
        # Where the commits were not read before (this resource alone, or another order), they are read here.
        graph = graphs[0] if graphs else _graph(history)
        if history.line:
            pulls = graph.pull_requests(history.line[-1])
            yield from _tables(GIT_PULL_REQUESTS, (make.pull_request(pull) for pull in pulls))

    return commits, pull_requests


def _graph(history: History) -> CommitGraph:
    graph = CommitGraph(history.pull_heads)
    for commit in history.commits():
        graph.add(commit)
    return graph


def _tables(table: RawTable, rows: Iterator[tuple[Any, ...]]) -> Iterator[Batch]:
    while batch := list(islice(rows, ROWS_IN_A_BATCH)):
        yield table.arrow_table(batch)
