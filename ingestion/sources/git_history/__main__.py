"""Load git histories into the platform's database, without Dagster.

python -m ingestion.sources.git_history [--anew]                                   every configured history
python -m ingestion.sources.git_history [--anew] FOLDER_OR_URL ORGANISATION/NAME   one history
"""

from __future__ import annotations

import sys

from core.settings import exit_on_wrong_settings
from ingestion.counting import LostRowsError
from ingestion.sources.git_history.commits import HistoryError
from ingestion.sources.git_history.load import load_git
from ingestion.sources.git_history.pull import pull_git


def main(arguments: list[str]) -> int:
    """Run the source once; returns the exit status."""
    anew = "--anew" in arguments
    named = [argument for argument in arguments if argument != "--anew"]
    if len(named) not in (0, 2):
        sys.stderr.write(f"{(__doc__ or '').strip()}\n")
        return 2
    settings = exit_on_wrong_settings()
    try:
        results = [load_git(named[0], named[1], settings, anew=anew)] if named else pull_git(settings, anew=anew)
    except (HistoryError, LostRowsError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{result}\n" for result in results) or "no history is configured\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
