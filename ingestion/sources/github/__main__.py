"""Read GitHub into the platform's database, without Dagster.

python -m ingestion.sources.github [pull | sync | gaps]

pull (the default): what changed, and the past of new repositories. sync: the list of repositories. gaps: what
webhooks missed. Settings and secrets say what is read (docs/sources/github.md).
"""

from __future__ import annotations

import sys

from core.settings import SettingsError, exit_on_wrong_settings
from ingestion.sources.github.errors import IncompleteError
from ingestion.sources.github.pull import fill_gaps, pull_github, sync_repositories


def main(arguments: list[str]) -> int:
    """Run once; returns the exit status."""
    command = arguments[0] if arguments else "pull"
    if len(arguments) > 1 or command not in ("pull", "sync", "gaps"):
        sys.stderr.write(f"{(__doc__ or '').strip()}\n")
        return 2
    settings = exit_on_wrong_settings()
    try:
        if command == "gaps":
            gaps = fill_gaps(settings)
            results = gaps.results
            for gap in gaps.gaps:
                sys.stdout.write(f"{gap.repo_full_name} {gap.day}: {gap.missed} of {gap.expected} deliveries missed\n")
        else:
            results = pull_github(settings) if command == "pull" else sync_repositories(settings)
    except IncompleteError as error:
        sys.stderr.write("".join(f"{failure}\n" for failure in error.failures))
        return 1
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{result}\n" for result in results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
