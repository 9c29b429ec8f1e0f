"""What a repository's history costs on its way into PostgreSQL, against bare `git log --numstat` on the same clone.

In: a clone, or nothing: then a repository is made of the installed Python sources (`benchmarks.synthetic_git`).
Out: CPU seconds (user and system, of the process and its children, git among them), by turns and several times, of
which the median counts; memory of our process; milliseconds of a poll that finds nothing new. PostgreSQL's own CPU
is left out, as is the start of the interpreter, which stands beside (`ratio_with_start`). git writes to nowhere in the
bare run, and to us in ours. Every load begins with an empty table, in a process of its own.

    python -m benchmarks.git_extraction [REPO] [--json] [--size COMMITS]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import text

from benchmarks.synthetic_git import make_repository
from core.database import database_url, embedded_server, make_engine, prepare_database
from core.settings import Settings, load_settings
from ingestion.raw_tables import prepare_raw_tables
from ingestion.sources.git_history import load_git

NAME = "benchmark/repository"
ROUNDS = 3
POLLS = 9
COMMITS = 15_000
LIMITS = {"ratio_to_git_log_numstat": 1.15}


def main() -> None:
    """Measure, show a table or one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("repository", nargs="?", type=Path, help="a clone; without it one is made")
    parser.add_argument("--json", action="store_true", help="print one JSON line last")
    parser.add_argument("--size", type=int, default=COMMITS, help="commits of the repository that is made")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dpp-benchmark-") as folder:
        repository = options.repository or make_repository(Path(folder) / "repository.git", options.size)
        with database(Path(folder)) as settings:
            results = measure(repository.resolve(), settings, options.rounds)
    if options.json:
        sys.stdout.write(json.dumps(results) + "\n")
        return
    for name, value in results.items():
        limit = f"   limit {LIMITS[name]}" if name in LIMITS else ""
        sys.stdout.write(f"{name:<28}{value:>12,.3f}{limit}\n")


@contextmanager
def database(folder: Path) -> Iterator[Settings]:
    """An embedded server of the benchmark's own, migrated, with empty raw tables."""
    settings = load_settings(home=folder / "home", database_url=None)
    server = embedded_server(settings)
    assert server is not None
    prepare_database(settings)
    try:
        prepare_raw_tables(settings)
        yield settings
    finally:
        server.stop()


def measure(repository: Path, settings: Settings, rounds: int) -> dict[str, float]:
    """The figures: ratios, commits, megabytes, CPU seconds, and the milliseconds of a poll."""
    bare, ours, started, megabytes, polls = [], [], [], [], []
    commits = 0
    for _ in range(rounds):
        bare.append(cpu_of_bare_git(repository))
        forget(settings)
        before = cpu(resource.RUSAGE_CHILDREN)
        loaded = in_a_process(repository, settings)
        started.append(cpu(resource.RUSAGE_CHILDREN) - before - loaded["polls_cpu_s"])
        ours.append(loaded["cpu_s"])
        megabytes.append(loaded["rss_mb"])
        polls.append(loaded["poll_ms"])
        commits = int(loaded["commits"])
    baseline = statistics.median(bare)
    return {
        "ratio_to_git_log_numstat": round(statistics.median(ours) / baseline, 3),
        "ratio_with_start": round(statistics.median(started) / baseline, 3),
        "commits": commits,
        "rss_mb": round(max(megabytes), 1),
        "poll_ms": round(statistics.median(polls), 1),
        "git_log_numstat_cpu_s": round(baseline, 3),
        "load_cpu_s": round(statistics.median(ours), 3),
    }


def cpu_of_bare_git(repository: Path) -> float:
    """CPU seconds of what everybody would type."""
    before = cpu(resource.RUSAGE_CHILDREN)
    subprocess.run(["git", "-C", str(repository), "log", "--numstat"], stdout=subprocess.DEVNULL, check=True)
    return cpu(resource.RUSAGE_CHILDREN) - before


def in_a_process(repository: Path, settings: Settings) -> dict[str, float]:
    """One load and some polls in a fresh process. Raises `RuntimeError` when it fails."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=load_once, args=(repository, settings, theirs))
    child.start()
    theirs.close()
    try:
        told: dict[str, float] = ours.recv()
    except EOFError:
        raise RuntimeError("the load failed; its process said why") from None
    finally:
        child.join()
        ours.close()
    return told


def load_once(repository: Path, settings: Settings, tell: Connection) -> None:
    """Load the history, poll it, and tell what that cost."""
    before = own_cpu()
    result = load_git(repository, NAME, settings)
    spent = own_cpu() - before
    megabytes = peak_megabytes()
    milliseconds = []
    for _ in range(POLLS):
        begun = time.perf_counter()
        load_git(repository, NAME, settings)
        milliseconds.append((time.perf_counter() - begun) * 1000)
    tell.send(
        {
            "cpu_s": spent,
            "rss_mb": megabytes,
            "commits": result.tables["commits"].loaded,
            "poll_ms": statistics.median(milliseconds),
            "polls_cpu_s": own_cpu() - before - spent,
        }
    )


def forget(settings: Settings) -> None:
    """As if nothing had ever been loaded."""
    engine = make_engine(database_url(settings), pool_size=1)
    with engine.begin() as connection:
        connection.execute(text("truncate raw_git.commits, raw_git.pull_requests, raw_git.tags, ops.fetch_cursors"))
    engine.dispose()


def peak_megabytes() -> float:
    """The most memory that this program has held; `ru_maxrss` would count what its parent held before it began."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def own_cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return cpu(resource.RUSAGE_SELF) + cpu(resource.RUSAGE_CHILDREN)


def cpu(whose: int) -> float:
    """CPU seconds, user and system together."""
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
