"""Load one repository's history into the platform's database, without Dagster.

python -m ingestion.sources.git_history FOLDER ORGANISATION/NAME
"""

from __future__ import annotations

import sys
from pathlib import Path

from dlt.pipeline.exceptions import PipelineStepFailed

from core.settings import exit_on_wrong_settings
from ingestion import pipelines
from ingestion.load import load_git
from ingestion.sources.git_history import HistoryError


def main(arguments: list[str]) -> int:
    """Run the source once; returns the exit status."""
    if len(arguments) != 2:
        sys.stderr.write(f"{(__doc__ or '').strip()}\n")
        return 2
    settings = exit_on_wrong_settings()
    try:
        result = load_git(Path(arguments[0]), arguments[1], settings)
    except (HistoryError, PipelineStepFailed) as error:
        sys.stderr.write(f"{pipelines.reason(error)}\n")
        return 1
    sys.stdout.write(f"{result}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
