"""One history into `raw_git`: what is new since the last time, or all of it, in one transaction.

In: a path, the repository's full name, the settings. Out: rows of `raw_git.commits`, `pull_requests` and `tags`, and
the cursor: where the branch, the pull requests and the tags stood, and how long the branch was.

Whatever happened in between, the rows are afterwards those of a reading from the beginning. That is simple where
history only grows. Where it was rewritten, git tells what can be reached no longer, those rows go, and the
places on the branch are written anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from core.database import database_url, make_engine
from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.copying import NULL, CopyLoad, copying, staging
from ingestion.counting import LoadResult
from ingestion.sources.git_history.clone import ClonedHistory
from ingestion.sources.git_history.commits import Commit, GrowingHistory, History, Refs
from ingestion.sources.git_history.mirror import fetched_mirror, is_url
from ingestion.sources.git_history.pull_requests import CommitGraph, MergedPullRequest
from ingestion.sources.git_history.recorded import COMMITS_FILE, RecordedHistory
from ingestion.sources.git_history.rows import RowMaker
from ingestion.sources.tables.git import GIT_COMMITS, GIT_PULL_REQUESTS, GIT_TABLES, GIT_TAGS
from ingestion.sources.tables.shape import RawTable

SOURCE = "git_history"
COMMITS_BETWEEN_WORDS = 5_000


def open_history(folder: Path, branch: str | None = None) -> History:
    """A recorded folder or a clone, whichever the folder is; `branch` picks a clone's branch.

    Raises `HistoryError` where it is neither.
    """
    if (folder / COMMITS_FILE).exists():
        return RecordedHistory(folder)
    return ClonedHistory(folder, branch)


def load_git(
    where: Path | str,
    repo_full_name: str,
    settings: Settings,
    branch: str | None = None,
    *,
    anew: bool = False,
    engine: Engine | None = None,
) -> LoadResult:
    """Load a history as that of a repository (`organisation/name`): a clone, a recorded folder, or a URL.

    A URL is kept as a mirror under the settings' home, and fetched first. Only what changed since the last load is
    read; `anew` reads everything, which mends numbers that were unknown while blobs were missing. Raises
    `ValueError` for a wrong name, `HistoryError` for a history that cannot be read; nothing is replaced then.
    """
    organisation, _, name = repo_full_name.partition("/")
    if not organisation or not name or "/" in name:
        raise ValueError(f"{repo_full_name!r} is not of the form organisation/name")
    people = Pseudonymiser(secrets_for(settings).get("pseudonym_key"))
    used = engine or make_engine(database_url(settings), pool_size=2)
    configuration = f"{repo_full_name} {branch or ''}"
    try:
        with copying(used, SOURCE, repo_full_name, configuration, GIT_TABLES) as (load, result):
            folder = fetched_mirror(where, repo_full_name, settings.home) if is_url(where) else Path(where)
            _Reading(load, open_history(folder, branch), repo_full_name, people).run(anew=anew)
        return result
    finally:
        if engine is None:
            used.dispose()


class _Reading:
    """One reading of one history."""

    def __init__(self, load: CopyLoad, history: History, repo_full_name: str, people: Pseudonymiser) -> None:
        self._load = load
        self._history = history
        self._name = repo_full_name
        self._make = RowMaker(repo_full_name, people)

    def run(self, *, anew: bool) -> None:
        """Read what is new, or everything."""
        refs = self._history.refs()
        cursor = None if anew else self._cursor()
        known = _refs_of(cursor) if cursor else None
        if known == refs:
            self._load.meter.cache_hit = True
            return
        history = self._history
        if (
            cursor is not None
            and known is not None
            and known.depth_digest == refs.depth_digest
            and isinstance(history, GrowingHistory)
            and history.has(sorted(known.tips))
        ):
            length = self._grow(history, refs, known, cursor["length"])
        else:
            length = self._whole(refs)
        if known is None or known.tags_digest != refs.tags_digest:
            self._load.stage(GIT_TAGS, map(self._make.tag, self._history.tags()))
            self._replace(GIT_TAGS)
        self._load.move_cursor(self._name, _cursor_of(self._history.kind, refs, length))

    def _whole(self, refs: Refs) -> int:
        """Read everything; returns the length of the branch."""
        graph = _graph(refs)
        self._load.stage(GIT_COMMITS, self._lines(self._history.commits(refs), graph))
        line = graph.line(refs.head)
        self._place(line, 0)
        self._replace(GIT_COMMITS)
        self._load.stage(GIT_PULL_REQUESTS, self._pull_lines(graph, refs))
        self._replace(GIT_PULL_REQUESTS)
        return len(line)

    def _grow(self, history: GrowingHistory, refs: Refs, known: Refs, length: int) -> int:
        """Read what is new since `known`, drop what was taken away; returns the length of the branch."""
        graph, tips = _graph(refs), sorted(known.tips)
        self._load.stage(GIT_COMMITS, self._lines(history.commits(refs, tips), graph))
        on_top = history.line(refs, known.head)
        line = history.line(refs) or [] if on_top is None else on_top
        start = 0 if on_top is None else length
        read_again = self._keep_places()
        self._place(line, start)
        self._load.merge(GIT_COMMITS)
        self._forget(history.unreachable(tips, refs))
        self._place_known(everything=on_top is None)
        same_pulls = (known.pull_heads, known.are_merge_requests) == (refs.pull_heads, refs.are_merge_requests)
        if on_top is None or not same_pulls or (graph.has_candidates and (refs.pull_heads or read_again)):
            # Any pull request may look different now: they are made again, from the messages and the known numbers.
            graph = _graph(refs)
            for commit in history.commits(refs, counted=False):
                graph.add(commit)
            self._count_again(graph)
            self._load.stage(GIT_PULL_REQUESTS, self._pull_lines(graph, refs))
            self._replace(GIT_PULL_REQUESTS)
        elif graph.has_candidates:
            # On top of what was there, nothing new can change an older pull request.
            self._load.stage(GIT_PULL_REQUESTS, self._pull_lines(graph, refs, self._known_numbers()))
            self._load.merge(GIT_PULL_REQUESTS)
        return start + len(line)

    def _lines(self, commits: Iterator[Commit], graph: CommitGraph) -> Iterator[str]:
        make, add = self._make.commit, graph.add
        for count, commit in enumerate(commits, start=1):
            add(commit)
            yield make(commit)
            if count % COMMITS_BETWEEN_WORDS == 0:
                self._load.meter.say(f"{self._name}: {count:,} commits")

    def _pull_lines(self, graph: CommitGraph, refs: Refs, but: frozenset[int] = frozenset()) -> Iterator[str]:
        pulls: Iterator[MergedPullRequest] = graph.pull_requests(refs.head)
        return (self._make.pull_request(pull) for pull in pulls if pull.number not in but)

    def _place(self, line: list[str], start: int) -> None:
        """Note the places on the branch, and write them into the staged commits."""
        self._execute("create temp table pg_temp.branch_line (sha varchar primary key, position bigint) on commit drop")
        places = (f"{sha}\t{position}\n" for position, sha in enumerate(line, start))
        self._load.copy("pg_temp.branch_line", ("sha", "position"), places)
        self._execute(
            """
            update pg_temp.staged_commits as commits set branch_position = line.position
            from pg_temp.branch_line as line
            where commits.sha = line.sha
            """
        )

    def _keep_places(self) -> bool:
        """Staged commits that were there already keep their place; returns whether there are any.

        git walks by date, so where dates are wrong it may tell of old commits too when it is asked for new ones.
        """
        return bool(
            self._execute(
                """
                update pg_temp.staged_commits as commits set branch_position = known.branch_position
                from raw_git.commits as known
                where known.repo_full_name = :name and known.sha = commits.sha
                """
            )
        )

    def _place_known(self, *, everything: bool) -> None:
        """Write the places into the commits that were there; with `everything`, all others lose theirs."""
        self._execute(
            """
            update raw_git.commits set branch_position = line.position, _dlt_load_id = :load_id
            from pg_temp.branch_line as line
            where repo_full_name = :name and commits.sha = line.sha and branch_position is distinct from line.position
            """
        )
        if everything:
            self._execute(
                """
                update raw_git.commits set branch_position = null, _dlt_load_id = :load_id
                where repo_full_name = :name and branch_position is not null
                    and not exists (select from pg_temp.branch_line as line where commits.sha = line.sha)
                """
            )

    def _forget(self, shas: Iterator[str]) -> None:
        """Take away commits that nothing reaches."""
        self._execute("create temp table pg_temp.unreachable (sha varchar) on commit drop")
        if self._load.copy("pg_temp.unreachable", ("sha",), (f"{sha}\n" for sha in shas)):
            self._execute(
                "delete from raw_git.commits using pg_temp.unreachable"
                " where repo_full_name = :name and commits.sha = unreachable.sha"
            )

    def _replace(self, raw: RawTable) -> None:
        """Merge the staged rows, which are all that the repository has, and take away what is not among them."""
        self._load.merge(raw)
        own = raw.key[1]
        self._execute(
            f"delete from {raw.dataset}.{raw.name} as known where repo_full_name = :name"  # noqa: S608 names of ours
            f" and not exists (select from {staging(raw)} as staged where staged.{own} = known.{own})"
        )

    def _count_again(self, graph: CommitGraph) -> None:
        query = "select sha, lines_added, lines_removed, files_changed from raw_git.commits where repo_full_name = %s"
        for sha, added, removed, files in self._load.stream(query, (self._name,)):
            if NULL not in (added, removed, files):
                graph.count(sha, int(added), int(removed), int(files))

    def _known_numbers(self) -> frozenset[int]:
        query = text("select pr_number from raw_git.pull_requests where repo_full_name = :name")
        return frozenset(self._load.connection.execute(query, {"name": self._name}).scalars())

    def _cursor(self) -> dict[str, Any] | None:
        """How far the history was read; None where it never was from this kind, or its rows are gone."""
        cursor = self._load.cursor(self._name)
        if cursor is None or cursor["kind"] != self._history.kind:
            return None
        query = text("select exists (select from raw_git.commits where repo_full_name = :name and sha = :sha)")
        there: bool = self._load.connection.execute(query, {"name": self._name, "sha": cursor["head"]}).scalar_one()
        return cursor if there else None

    def _execute(self, statement: str) -> int:
        """Run a statement about this repository; returns how many rows it changed."""
        values = {"name": self._name, "load_id": self._load.load_id}
        return int(self._load.connection.execute(text(statement), values).rowcount)


def _graph(refs: Refs) -> CommitGraph:
    return CommitGraph(refs.pull_heads, are_merge_requests=refs.are_merge_requests)


def _cursor_of(kind: str, refs: Refs, length: int) -> dict[str, Any]:
    pulls = {str(number): sha for number, sha in refs.pull_heads.items()}
    return {"kind": kind, "length": length, **refs._asdict(), "pull_heads": pulls}


def _refs_of(cursor: dict[str, Any]) -> Refs:
    pulls = {int(number): sha for number, sha in cursor["pull_heads"].items()}
    return Refs(**{name: cursor[name] for name in Refs._fields if name != "pull_heads"}, pull_heads=pulls)
